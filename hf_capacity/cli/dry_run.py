"""What a dry run says: the runs, how they stand, about how long the rest takes, and what they will be able to show."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import echo
from .hypotheses import plan_powers, show_power


if TYPE_CHECKING:
    from ..config.experiment import ExperimentConfig
    from ..config.study import Study

    Stock = list[tuple[ExperimentConfig, str]]


def show_dry_run(plan: "Study", stock: "Stock", output: Path, workers: int | None, untested: dict[str, str]) -> None:
    """Says how long the runs may take that are left, and the power of each hypothesis."""
    from ..boundary.shown import spell_time
    from ..sweep.local import num_cores

    minutes, num_finished = estimate(stock, output, workers)
    if minutes:
        basis = f"the {num_finished} finished runs here" if num_finished else "the steps of model_cards/benchmark"
        echo(f"about {spell_time(minutes)} with {workers or num_cores()} workers, by {basis}")
    show_power(plan, output, untested)


def describe_dry_run(
    plan: "Study", stock: "Stock", output: Path, workers: int | None, untested: dict[str, str]
) -> dict[str, Any]:
    """The same for programs.

    Returns:
        `study`, `question`, `output`, `minutes`; `runs`, each with `run_id`, `steps`, `arms` by axis and `state`;
        `hypotheses`, each with `name`, whether it is `primary`, its `power` or none and, where the runs cannot test
        it, why it is `untested`.
    """
    runs = [
        {
            "run_id": config.run_id,
            "steps": config.steps,
            "arms": {axis: arm.name for axis, arm in plan.arms.find(config.to_dict()).items()},
            "state": state,
        }
        for config, state in stock
    ]
    powers = {planned.hypothesis.name: planned.power for planned in plan_powers(plan, output, untested)}
    hypotheses = [
        {
            "name": hypothesis.name,
            "primary": hypothesis.primary,
            "power": powers.get(hypothesis.name),
            "untested": untested.get(hypothesis.name),
        }
        for hypothesis in plan.hypotheses
    ]
    minutes, _ = estimate(stock, output, workers)
    return {
        "study": plan.name,
        "question": plan.question,
        "output": str(output),
        "minutes": round(minutes, 1),
        "runs": runs,
        "hypotheses": hypotheses,
    }


def estimate(stock: "Stock", output: Path, workers: int | None) -> tuple[float, int]:
    """Minutes that the runs may take that are left, and from how many finished ones that is known."""
    from ..runs.records import read_record
    from ..sweep.estimate import estimate_minutes
    from ..sweep.local import num_cores

    records = [read_record(output / config.run_id) for config, state in stock if state == "done"]
    to_do = [config for config, state in stock if state != "done"]
    return estimate_minutes(to_do, records, workers or num_cores()), len(records)
