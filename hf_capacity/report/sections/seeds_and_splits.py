"""Where seeds and splits are crossed: how much of the variance of a rate either has."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ..markdown import markdown_table, render
from ..rates import rates_and_kinds
from ..study import StudyResults
from ..wording import names
from . import Section


TEMPLATE = """\
## Seeds and splits

{{ table }}

Of the variance of a rate between the runs of a cell, the share of *seeds* (weights and windows), that of *splits*
(what is withheld), and what neither has alone, both taken as random. More runs help most where the variance lies.
"""


def section(study: StudyResults) -> Section | None:
    table = shares_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def shares_table(cells: Sequence[Cell]) -> str:
    """The shares of variance of every crossed cell; empty where there is none, or its runs are all alike."""
    rows = []
    for cell in cells:
        for rate in rates_and_kinds([cell]):
            shares = cell.variance_shares(cell.values(rate))
            if shares:
                rows.append([*names(cell), rate, str(cell.num_runs), *(f"{share:.0%}" for share in shares)])
    header = ["trained on", "model", "differs in", "rate", "runs", "seeds", "splits", "rest"]
    return markdown_table(header, rows, num_texts=4) if rows else ""
