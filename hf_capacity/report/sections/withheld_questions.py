"""Each withheld question, and in how many runs it is right."""

from collections.abc import Sequence
from typing import Any

from ...analysis.cells import Cell
from ..markdown import code, markdown_table, render
from ..study import StudyResults
from ..wording import names
from . import Section


TEMPLATE = """\
## Which withheld questions are right

{{ table }}

In how many runs each withheld question is right at the last checkpoint.
"""


def section(study: StudyResults) -> Section | None:
    table = withheld_table(study.cells, study.curves)
    return Section(render(TEMPLATE, table=table)) if table else None


def withheld_table(cells: Sequence[Cell], curves: dict[str, list[dict[str, Any]]]) -> str:
    """Each withheld question and in how many runs it is right at the end; empty where runs withhold different ones."""
    verdicts = [(cell, [curves[record["run_id"]][-1]["withheld"] for record in cell.records]) for cell in cells]
    verdicts = [(cell, runs) for cell, runs in verdicts if runs[0]]  # none where they are too many to be listed
    asked = {tuple(run) for _, runs in verdicts for run in runs}
    if len(asked) != 1:
        return ""
    [prompts] = asked
    rows = [
        [*names(cell), *(f"{sum(run[p] for run in runs)}/{len(runs)}" for p in prompts)] for cell, runs in verdicts
    ]
    return markdown_table(["trained on", "model", "differs in", *map(code, prompts)], rows)
