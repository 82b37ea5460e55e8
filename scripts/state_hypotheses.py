"""State in a kept study's folder what its YAML states by now: post hoc, since its runs are finished.

    python scripts/state_hypotheses.py rescue

writes question and hypotheses of `configs/rescue.yaml` into `model_cards/rescue/study.yaml`. What it states already,
just as it is, stays as it was.
"""

from pathlib import Path
from typing import Annotated

import typer

from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.config.study import read_study
from hf_capacity.runs.statement import state_hypotheses


KEPT = Path(__file__).parent.parent / "model_cards"


def main(study: Annotated[str, typer.Argument(help="The name of a packaged study that is kept.")]) -> None:
    plan = read_study(study)
    if not (KEPT / plan.name).is_dir():
        raise ValueError(f"{plan.name} is not kept: there is no {KEPT / plan.name}.")
    typer.echo(f"Written: {state_hypotheses(KEPT / plan.name, plan.question, plan.hypotheses)}")


if __name__ == "__main__":
    typer.run(refuses_mistakes(main))
