"""Interventions, compared run by run with the same seeds."""

from collections.abc import Sequence

from ...analysis.cells import RATES, Cell
from ...analysis.statistics import compare_paired_events
from ..markdown import markdown_table, render
from ..pairs import difference_texts, pairs_of
from ..study import StudyResults
from ..wording import p_text
from . import Section


TEMPLATE = """\
## In pairs

{{ table }}

Runs of one model with the same seeds, and so the same withheld questions, one by one: the mean of the differences with its
bootstrap interval over pairs, and the exact sign-flip permutation test; in how many pairs only one of the two gets all
questions right, and McNemar's exact test.
"""  # noqa: E501


def section(study: StudyResults) -> Section | None:
    table = paired_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def paired_table(cells: Sequence[Cell]) -> str:
    """Cells of one model against the first of them, run by run with the same seeds; empty where there are none."""
    rows = []
    for model in dict.fromkeys(cell.model for cell in cells):
        for rate in RATES:
            control, *others = [cell for cell in cells if cell.model == model and rate in cell.rates] or [None]
            for treated in others:
                pairs = pairs_of(treated, control, rate)
                if len(pairs) > 1 and not treated.is_crossed:  # crossed pairs are not independent
                    rows.append([model, rate, treated.title, control.title, *_comparison(pairs)])
    header = [
        "model",
        "rate",
        "of",
        "against",
        "pairs",
        "mean difference",
        "p",
        "all right only of",
        "only against",
        "p",
    ]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def _comparison(pairs: Sequence[tuple[float, float]]) -> list[str]:
    treated, control = zip(*pairs, strict=True)
    events = compare_paired_events([value == 1 for value in treated], [value == 1 for value in control])
    counts = [str(events.only_treated), str(events.only_control)]
    return [*difference_texts(pairs), *counts, p_text(events.p_value)]
