"""The size at which a rate crosses one half."""

from collections.abc import Sequence

from ...analysis.cells import Cell, ladders_of
from ...analysis.statistics import critical_capacity
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from . import Section


TEMPLATE = """\
## Critical capacity

{{ table }}

The number of parameters at which a rate crosses one half. *by fit*: by a logistic fit against the logarithm of that
number, where there are eight sizes or more, the data do not separate, and the mean does not cross one half and come
back. *between neighbours*: otherwise, the neighbouring sizes between which the mean crosses.
"""


def section(study: StudyResults) -> Section | None:
    table = critical_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def critical_table(cells: Sequence[Cell]) -> str:
    """At how many parameters a rate crosses one half, of every ladder of three sizes and more."""
    rows = []
    for ladder in ladders_of(cells):
        if len(ladder.cells) < 3:
            continue
        for rate in ladder.cells[0].rates:
            points = [(cell.num_parameters, value) for cell in ladder.cells for value in cell.values(rate)]
            found = critical_capacity(*zip(*points, strict=True))
            crossing = ABSENT if found.estimate is None else f"{found.estimate:,.0f}"
            interval = ABSENT if found.interval is None else _between(found.interval)
            brackets = ", ".join(map(_between, found.brackets)) or ABSENT
            sizes = str(len({size for size, _ in points}))
            rows.append([ladder.task, ladder.differs, rate, found.direction, sizes, crossing, interval, brackets])
    header = ["trained on", "differs in", "rate", "direction", "sizes", "by fit", "95 %", "between neighbours"]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def _between(ends: tuple[float, float]) -> str:
    low, high = ends
    if low == 0:
        return f"below {high:,.0f}"
    return f"above {low:,.0f}" if high == float("inf") else f"{low:,.0f} to {high:,.0f}"
