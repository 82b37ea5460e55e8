"""What `hf-capacity run` says of a study's hypotheses: which its runs cannot test, and the power of the others."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import echo


if TYPE_CHECKING:
    from ..analysis.cells import Cell
    from ..analysis.planning import Planned
    from ..config.experiment import ExperimentConfig
    from ..config.hypotheses import Hypothesis
    from ..config.study import Study


def find_untested(plan: "Study", whole: "Study") -> dict[str, str]:
    """The hypotheses that the runs of a plan cannot test though the whole study can, by name, with the reason.

    A command may well do part of a study, or try it with few steps or seeds; the study as it is written has to be able
    to test what it states.

    Args:
        plan: The study as overrides have it.
        whole: Without any.

    Raises:
        ValueError: The whole study cannot test one of them.
    """
    from ..analysis.planning import find_faults, plan_cells

    if not plan.hypotheses:
        return {}
    rates_of = _rates_reader()
    for name, fault in find_faults(whole.hypotheses, plan_cells(whole.runs(), whole.arms), rates_of).items():
        raise ValueError(f"hypothesis {name!r} cannot be tested: {fault}.")
    return find_faults(plan.hypotheses, plan_cells(plan.runs(), plan.arms), rates_of) if plan != whole else {}


def show_untested(untested: dict[str, str]) -> None:
    """Says which hypotheses the runs will leave open, in a line each."""
    for name, fault in untested.items():
        echo(f"hypothesis {name!r} is not tested by these runs: {fault}")


def show_post_hoc(plan: "Study", output: Path) -> None:
    """Says which hypotheses come after runs that may have suggested them, in a line each."""
    if not plan.hypotheses:
        return
    from ..runs.statement import find_post_hoc

    for name, number in find_post_hoc(output, plan.hypotheses).items():
        echo(f"hypothesis {name!r} is post hoc: finished runs in {output} before it was stated: {number}")


def show_power(plan: "Study", output: Path, untested: dict[str, str]) -> None:
    """Says of each hypothesis how likely the planned runs show what it is about, in a line each."""
    for planned in plan_powers(plan, output, untested):
        echo(_spell(planned, plan.name))


def plan_powers(plan: "Study", output: Path, untested: dict[str, str]) -> list["Planned"]:
    """What the planned runs can say of each hypothesis that they test."""
    from ..analysis.planning import plan_cells, plan_power

    cells = plan_cells(plan.runs(), plan.arms) if plan.hypotheses else []
    return [
        plan_power(hypothesis, cells, *_read_pilot(hypothesis, output), len(plan.hypotheses))
        for hypothesis in plan.hypotheses
        if hypothesis.name not in untested
    ]


def _rates_reader() -> Callable[["ExperimentConfig"], set[str]]:
    from ..data.task import Task

    known: dict[str, set[str]] = {}

    def read(run: "ExperimentConfig") -> set[str]:
        identity = repr(run.task)
        if identity not in known:  # for one split seed: others withhold other questions of the same kinds
            known[identity] = Task.load(run.task, run.split_seed).rates
        return known[identity]

    return read


def _read_pilot(hypothesis: "Hypothesis", output: Path) -> tuple[list["Cell"], str]:
    """The cells of the runs whose variance is taken, and what they are called; none if there are no such runs."""
    from ..analysis.cells import cells_of
    from ..runs.kept import load_records
    from ..runs.originals import find_study
    from ..runs.records import read_arms

    name = hypothesis.pilot or str(output)
    try:
        folder = find_study(name)
    except ValueError:
        return [], f"there are no finished runs of {name}"
    records = load_records(folder)
    return cells_of(records, read_arms(folder)), f"the {len(records)} runs of {name}"


def _spell(planned: "Planned", study: str) -> str:
    hypothesis = planned.hypothesis
    name = f"hypothesis {hypothesis.name!r}{' (primary)' if hypothesis.primary else ''}"
    runs = f"{planned.num_runs} {'pairs of runs' if planned.is_paired and hypothesis.compare else 'runs a cell'}"
    if planned.power is None:
        return f"{name}: power unknown with {runs}, {planned.basis}: state `sd`, or a study as `pilot`"
    aim = "within" if hypothesis.expect == "same" else "of"
    text = f"{name}: power {planned.power:.2f} for a difference {aim} {hypothesis.smallest_difference:g} with {runs}"
    more = f"; 0.80 takes {planned.runs_needed:,} (seeds={planned.seeds_needed})" if planned.runs_needed else ""
    return f"{text}, by {planned.basis}{more}"
