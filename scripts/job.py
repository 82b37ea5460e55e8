# /// script
# requires-python = ">=3.11"
# dependencies = ["hf-capacity"]
# ///
"""Train a study on a machine that will be gone, and publish it, privately, before that.

    hf jobs uv run --secrets HF_TOKEN --timeout 2h scripts/job.py quick

does so on a machine of Hugging Face; `uv run scripts/job.py quick` on this one.
"""

from pathlib import Path
from typing import Annotated

import typer

from hf_capacity.cli import app
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.config.study import read_study
from hf_capacity.hub import log_in


def main(
    study: Annotated[str, typer.Argument(help="A YAML file, or a packaged study such as quick.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    *,
    output: Annotated[
        Path | None, typer.Option(help="A folder, whose name is published; by default runs/STUDY.")
    ] = None,
) -> None:
    log_in()  # whoever cannot publish hears so before the training, not after it
    folder = str(output or Path("runs") / read_study(study, overrides or []).name)
    for words in (["run", study, *(overrides or []), "--output", folder], ["publish", "study", folder]):
        code = app(words, standalone_mode=False)
        if code:
            raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(refuses_mistakes(main))
