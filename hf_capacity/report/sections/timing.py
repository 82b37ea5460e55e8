"""When a rate is reached, and how long after fit extrapolation follows."""

from collections.abc import Sequence
from typing import Any

from ...analysis.cells import REACHED, Cell
from ...analysis.statistics import first_lasting, median_time
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import has_withheld, names, share_text
from . import Section


TEMPLATE = """\
## When

{{ table }}

A rate is reached at the first of three consecutive evaluations at 99 % or more. Medians are Kaplan-Meier estimates: a
run that never gets there is not dropped but censored at its last step (for the delay, at the steps left after it fit).
"""


def section(study: StudyResults) -> Section | None:
    table = timing_table(study.cells, study.curves)
    return Section(render(TEMPLATE, table=table)) if table and study.most_runs > 1 else None


def timing_table(cells: Sequence[Cell], curves: dict[str, list[dict[str, Any]]]) -> str:
    """When fit and extrapolation are reached to stay, and the delay between them; runs that never do are censored."""
    rows = []
    for cell in filter(has_withheld, cells):
        runs = [curves[record["run_id"]] for record in cell.records]
        times = {rate: [_first_reached(run, rate) for run in runs] for rate in ("fit", "extrapolation")}
        ends = [run[-1]["step"] for run in runs]
        row = [*names(cell), str(cell.num_runs)]
        for rate in times:
            row += [share_text(cell.share([time is not None for time in times[rate]])), _median(times[rate], ends)]
        fitted = [
            (None if late is None else late - early, end - early)
            for early, late, end in zip(times["fit"], times["extrapolation"], ends, strict=True)
            if early is not None
        ]
        rows.append([*row, _median(*zip(*fitted, strict=True)) if fitted else ABSENT])
    columns = ["fit reached", "median step", "extrapolation reached", "median step", "median delay"]
    return markdown_table(["trained on", "model", "differs in", "runs", *columns], rows) if rows else ""


def _first_reached(curve: Sequence[dict[str, Any]], rate: str) -> int | None:
    return first_lasting([row["step"] for row in curve], [row[rate] >= REACHED for row in curve])


def _median(times: Sequence[int | None], ends: Sequence[int]) -> str:
    durations = [end if time is None else time for time, end in zip(times, ends, strict=True)]
    median, _interval = median_time(durations, [time is not None for time in times])
    return "not reached" if median is None else f"{median:,.0f}"
