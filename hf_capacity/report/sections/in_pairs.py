"""Interventions, compared run by run with the same seeds."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ..claims import SIGNIFICANT, Claim
from ..comparisons import RATES_OF_SIZE
from ..markdown import markdown_table, render
from ..pairs import compare_pairs, difference_text, difference_texts
from ..study import StudyResults
from ..wording import equals, p_text
from . import Section


TEMPLATE = """\
## In pairs

{{ table }}

Runs of one model are paired by their seeds, and so by their withheld questions. *mean difference*: the mean over pairs
with its bootstrap interval; its *p* is that of the exact sign-flip permutation test. *all right only of* and *only
against*: in how many pairs one run alone gets every question right; their *p* is that of McNemar's exact test.
"""


def section(study: StudyResults) -> Section | None:
    table = paired_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def paired_table(cells: Sequence[Cell]) -> str:
    """Cells of one model against the first of them, run by run with the same seeds; empty where there are none."""
    rows = [
        [
            found.treated.model,
            found.rate,
            found.treated.title,
            found.control.title,
            *difference_texts(found.difference),
            str(found.all_right.only_treated),
            str(found.all_right.only_control),
            p_text(found.all_right.p_value),
        ]
        for found in compare_pairs(cells)
    ]
    header = ["model", "rate", "of", "against", "pairs", "mean difference", "p"]
    return markdown_table([*header, "all right only of", "only against", "p"], rows, num_texts=4) if rows else ""


def claims_of_pairs(cells: Sequence[Cell]) -> list[Claim]:
    """How often settings change what is extrapolated or recalled, and the largest of these differences."""
    compared = [one for one in compare_pairs(cells) if one.rate in RATES_OF_SIZE]
    if not compared:
        return []
    rates = " and ".join(rate for rate in RATES_OF_SIZE if any(one.rate == rate for one in compared))
    found = [one for one in compared if one.difference.p_value < SIGNIFICANT]
    of = f"{len(compared)} paired comparison" + ("s" if len(compared) > 1 else "")
    if not found:
        lowest = min(one.difference.p_value for one in compared)
        p_values = f"p from {p_text(lowest)} up" if len(compared) > 1 else f"p {equals(lowest)}"
        return [Claim(f"whether settings change {rates}, after {of} ({p_values})", lowest, is_open=True)]
    largest = max(found, key=lambda one: abs(one.difference.mean_difference))
    text = (
        f"Settings differ in {rates} in {len(found)} of {of} (uncorrected p below {SIGNIFICANT})"
        f"{', most' if len(found) > 1 else ','} by {difference_text(largest.difference)} in {largest.rate}: "
        f"{largest.treated.model} trained on {largest.treated.title} against {largest.control.title}."
    )
    return [Claim(text, min(one.difference.p_value for one in found))]
