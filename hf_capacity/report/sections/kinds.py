"""Extrapolation kind by kind."""

from collections.abc import Sequence

from ...analysis.cells import Cell, Record
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import has_withheld, mean_text, names
from . import Section


TEMPLATE = """\
## By kind of question

{{ table }}

Rule questions at the last checkpoint, kind by kind: *fit* of the seen and *extrapolation* of the withheld ones, means
over runs. *right, all runs*: right answers of withheld questions, over all runs of a cell together, and so without
interval.
"""


def section(study: StudyResults) -> Section | None:
    table = kinds_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def kinds_table(cells: Sequence[Cell]) -> str:
    """Extrapolation kind by kind, where a cell withholds questions of several; empty where none does."""
    rows = []
    for cell in filter(has_withheld, cells):
        kinds = [_withheld_by_kind(record) for record in cell.records]
        names_of_kinds = list(dict.fromkeys(kind for found in kinds for kind in found))
        if len(names_of_kinds) < 2:
            continue
        for kind in names_of_kinds:
            tallies = [found[kind] for found in kinds if kind in found]
            right, asked = map(sum, zip(*tallies, strict=True))
            mean = cell.mean([one / of for one, of in tallies]) if len(tallies) == cell.num_runs else None
            extrapolation = ABSENT if mean is None else mean_text(mean)
            rows.append([*names(cell), kind, _fit(cell, kind), extrapolation, f"{right:,}/{asked:,}"])
    header = ["trained on", "model", "differs in", "kind", "fit", "extrapolation", "right, all runs"]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def _fit(cell: Cell, kind: str) -> str:
    rate = f"fit of {kind}"
    return mean_text(cell.mean(cell.values(rate))) if rate in cell.rates_by_kind else ABSENT


def _withheld_by_kind(record: Record) -> dict[str, list[int]]:
    return {kind: parts["unseen"] for kind, parts in record["last"].get("kinds", {}).items() if parts.get("unseen")}
