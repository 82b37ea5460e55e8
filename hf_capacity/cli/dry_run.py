"""What a dry run says: the runs, how they stand, about how long the rest takes, and what they will be able to show."""

from typing import TYPE_CHECKING, Any

from .errors import echo, echo_json
from .hypotheses import plan_powers, show_power


if TYPE_CHECKING:
    from ..study import PreparedStudy


def show_dry_run(
    prepared: "PreparedStudy", workers: int | None, *, quiet: bool = False, as_json: bool = False
) -> None:
    """Says what would be done, how long the runs may take that are left, and the power of each hypothesis.

    Args:
        prepared: The study.
        workers: Processes at once; by default one per core.
        quiet: Without a line for each run.
        as_json: For programs.
    """
    if as_json:
        echo_json(describe_dry_run(prepared, workers))
        return
    from ..boundary.shown import spell_time
    from ..sweep.local import num_cores

    echo("\n".join(prepared.lines(each_run=not quiet)))
    minutes, num_finished = estimate(prepared, workers)
    if minutes:
        basis = f"the {num_finished} finished runs here" if num_finished else "the steps of model_cards/benchmark"
        echo(f"about {spell_time(minutes)} with {workers or num_cores()} workers, by {basis}")
    show_power(prepared)


def describe_dry_run(prepared: "PreparedStudy", workers: int | None) -> dict[str, Any]:
    """The same for programs.

    Returns:
        `study`, `question`, `output`, `minutes`; `runs`, each with `run_id`, `steps`, `arms` by axis and `state`;
        `hypotheses`, each with `name`, whether it is `primary`, its `power` or none and, where the runs cannot test
        it, why it is `untested`.
    """
    plan = prepared.plan
    runs = [
        {
            "run_id": config.run_id,
            "steps": config.steps,
            "arms": {axis: arm.name for axis, arm in plan.arms.find(config.to_dict()).items()},
            "state": state,
        }
        for config, state in prepared.stock
    ]
    powers = {planned.hypothesis.name: planned.power for planned in plan_powers(prepared)}
    hypotheses = [
        {
            "name": hypothesis.name,
            "primary": hypothesis.primary,
            "power": powers.get(hypothesis.name),
            "untested": prepared.untested.get(hypothesis.name),
        }
        for hypothesis in plan.hypotheses
    ]
    minutes, _ = estimate(prepared, workers)
    return {
        "study": plan.name,
        "question": plan.question,
        "output": str(prepared.output),
        "minutes": round(minutes, 1),
        "runs": runs,
        "hypotheses": hypotheses,
    }


def estimate(prepared: "PreparedStudy", workers: int | None) -> tuple[float, int]:
    """Minutes that the runs may take that are left, and from how many finished ones that is known."""
    from ..runs.records import read_record
    from ..sweep.estimate import estimate_minutes
    from ..sweep.local import num_cores

    records = [read_record(prepared.output / config.run_id) for config, state in prepared.stock if state == "done"]
    return estimate_minutes(prepared.to_do, records, workers or num_cores()), len(records)
