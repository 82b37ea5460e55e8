"""Interventions, compared run by run with the same seeds."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ...analysis.differences import paired_difference
from ...boundary.shown import ABSENT
from ..claims import Claim, differs, distance_from_zero
from ..comparisons import RATES_OF_SIZE
from ..markdown import markdown_table, render
from ..pairs import PairedCells, compare_pairs
from ..rates import kinds_of
from ..study import StudyResults
from ..wording import difference_text, kinds_text
from . import Section


ALL_RIGHT = ("all right only of", "only against")
TEMPLATE = """\
## In pairs

{{ table }}

Runs of one model are paired by their seeds, and so by their withheld questions: the mean difference over pairs of each
rate. *all right only of* and *only against*: in how many pairs one run alone gets every
withheld question right.
"""


def section(study: StudyResults) -> Section | None:
    table = paired_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def paired_table(cells: Sequence[Cell]) -> str:
    """Cells of one model against the first of them, a column a rate; empty where no runs have the same seeds."""
    compared = compare_pairs(cells)
    rates = list(dict.fromkeys(one.rate for one in compared))
    by_cells: dict[tuple[str, str, str, str], dict[str, PairedCells]] = {}
    for one in compared:
        name = (one.treated.model, one.treated.title, one.control.title, str(one.num_pairs))
        by_cells.setdefault(name, {})[one.rate] = one
    rows = []
    for name, found in by_cells.items():
        differences = [difference_text(found[rate].difference) if rate in found else ABSENT for rate in rates]
        solved = found.get("extrapolation")
        rows.append([*name, *differences, *_all_right(solved)])
    header = ["model", "of", "against", "pairs", *rates, *ALL_RIGHT]
    return markdown_table(header, rows) if rows else ""


def claims_of_pairs(cells: Sequence[Cell]) -> list[Claim]:
    """How often settings change what is extrapolated or recalled, and the largest of these differences."""
    compared = [one for one in compare_pairs(cells) if one.rate in RATES_OF_SIZE and one.difference.interval]
    if not compared:
        return []
    rates = " and ".join(rate for rate in RATES_OF_SIZE if any(one.rate == rate for one in compared))
    found = [one for one in compared if differs(one.difference)]
    of = f"{len(compared)} paired comparison" + ("s" if len(compared) > 1 else "")
    if not found:
        return [Claim(f"whether settings change {rates}, in {of}", is_open=True)]
    largest = max(found, key=lambda one: abs(one.difference.value))
    text = (
        f"Settings differ in {rates} in {len(found)} of {of}{', most' if len(found) > 1 else ','} by "
        f"{difference_text(largest.difference)} in {largest.rate}: {largest.treated.model} trained on "
        f"{largest.treated.title} against {largest.control.title}{_by_kind(largest)}."
    )
    return [Claim(text, distance_from_zero(largest.difference))]


def _by_kind(one: PairedCells) -> str:
    kinds = kinds_of([one.treated, one.control]) if one.rate == "extrapolation" else []
    return kinds_text({rate: paired_difference(one.treated, one.control, rate) for rate in kinds})


def _all_right(solved: PairedCells | None) -> list[str]:
    return [str(solved.only_treated), str(solved.only_control)] if solved else [ABSENT] * 2
