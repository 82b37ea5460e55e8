"""What a dry run says of a study's hypotheses: the power of those that its runs can test."""

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import echo


if TYPE_CHECKING:
    from ..analysis.cells import Cell
    from ..analysis.planning import Planned
    from ..config.hypotheses import Hypothesis
    from ..study import PreparedStudy


def show_power(prepared: "PreparedStudy") -> None:
    """Says of each hypothesis how likely the planned runs show what it is about, in a line each."""
    for planned in plan_powers(prepared):
        echo(_spell(planned))


def plan_powers(prepared: "PreparedStudy") -> list["Planned"]:
    """What the planned runs can say of each hypothesis that they test."""
    from ..analysis.planning import plan_cells, plan_power

    plan = prepared.plan
    cells = plan_cells(plan.runs(), plan.arms) if plan.hypotheses else []
    return [
        plan_power(hypothesis, cells, *_read_pilot(hypothesis, prepared.output), len(plan.hypotheses))
        for hypothesis in plan.hypotheses
        if hypothesis.name not in prepared.untested
    ]


def _read_pilot(hypothesis: "Hypothesis", output: Path) -> tuple[list["Cell"], str]:
    """The cells of the runs whose variance is taken, and what they are called; none if there are no such runs."""
    from ..analysis.cells import cells_of
    from ..runs.claim import read_arms
    from ..runs.kept import load_records
    from ..runs.originals import find_study

    name = hypothesis.pilot or str(output)
    try:
        folder = find_study(name)
    except ValueError:
        return [], f"there are no finished runs of {name}"
    records = load_records(folder)
    return cells_of(records, read_arms(folder)), f"the {len(records)} runs of {name}"


def _spell(planned: "Planned") -> str:
    hypothesis = planned.hypothesis
    name = f"hypothesis {hypothesis.name!r}{' (primary)' if hypothesis.primary else ''}"
    runs = f"{planned.num_runs} {'pairs of runs' if planned.is_paired and hypothesis.compare else 'runs a cell'}"
    if planned.power is None:
        return f"{name}: power unknown with {runs}, {planned.basis}: state `sd`, or a study as `pilot`"
    aim = "within" if hypothesis.expect == "same" else "of"
    text = f"{name}: power {planned.power:.2f} for a difference {aim} {hypothesis.smallest_difference:g} with {runs}"
    more = f"; 0.80 takes {planned.runs_needed:,} (seeds={planned.seeds_needed})" if planned.runs_needed else ""
    return f"{text}, by {planned.basis}{more}"
