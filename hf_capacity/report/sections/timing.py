"""When a rate is reached, and how long after fit extrapolation follows."""

from collections.abc import Sequence
from typing import Any

from ...analysis.cells import Cell
from ...analysis.times import delays, times_to_reach
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import has_withheld, median_text, names, share_text
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
        row = [*names(cell), str(cell.num_runs)]
        for rate in ("fit", "extrapolation"):
            times = times_to_reach(runs, rate)
            row += [share_text(cell.share(times.reached)), median_text(times)]
        rows.append([*row, median_text(delays(runs))])
    columns = ["fit reached", "median step", "extrapolation reached", "median step", "median delay"]
    return markdown_table(["trained on", "model", "differs in", "runs", *columns], rows) if rows else ""
