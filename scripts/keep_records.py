"""Keep what a published number rests on: a finished study's records, learning curves and report, without its models.

    python scripts/keep_records.py runs/too_big_to_think

writes `model_cards/STUDY`, byte for byte what `hf-capacity publish study` publishes as the study's index. Of all cards
of models it keeps one, as an example; `hf-capacity publish study --dry-run` writes the others.
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from hf_capacity.boundary.writing import write_atomically
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.hub import study_repositories


NAMESPACE = "hf-capacity"
KEPT = Path(__file__).parent.parent / "model_cards"
EXAMPLE = "too_big_to_think-arithmetic-n14"
# A card, its picture and its scores; the weights and what the records have already stay behind.
OF_A_MODEL = ("README.md", "learning_curve.png", ".eval_results/")


def main(study: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")]) -> None:
    typer.echo(f"Written: {keep(study)}")


def keep(study: Path) -> Path:
    """Writes what is kept of a study. Gives its folder."""
    *models, index = study_repositories(study, NAMESPACE)
    files = dict(index.revisions[-1].files)
    for model in models:
        name = model.repo_id.split("/")[1]
        if name == EXAMPLE:
            card = model.revisions[-1].files
            files |= {f"cards/{name}/{path}": card[path] for path in card if path.startswith(OF_A_MODEL)}
    kept = KEPT / index.repo_id.split("/")[1]
    shutil.rmtree(kept, ignore_errors=True)
    for name, content in files.items():
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept / name, content if isinstance(content, bytes) else content.read_bytes())
    return kept


if __name__ == "__main__":
    typer.run(refuses_mistakes(main))
