"""Runs with the same seeds, compared one by one."""

from collections.abc import Sequence
from typing import NamedTuple

from ..analysis.cells import RATES, Cell, Mean
from ..analysis.statistics import PairedComparison, PairedEvents, compare_paired, compare_paired_events
from .wording import mean_text, p_text


Pairs = list[tuple[float, float]]


class PairedCells(NamedTuple):
    """A rate of the runs of one cell beside that of its control, the same model in its first cell."""

    rate: str
    treated: Cell
    control: Cell
    difference: PairedComparison
    all_right: PairedEvents


def compare_pairs(cells: Sequence[Cell]) -> list[PairedCells]:
    """Compares the cells of each model with the first of them; crossed ones are left out, not being independent."""
    found = []
    for model in dict.fromkeys(cell.model for cell in cells):
        for rate in RATES:
            control, *others = [cell for cell in cells if cell.model == model and rate in cell.rates] or [None]
            for treated in others:
                pairs = pairs_of(treated, control, rate)
                if len(pairs) > 1 and not treated.is_crossed:
                    found.append(_compare(rate, treated, control, pairs))
    return found


def pairs_of(treated: Cell, control: Cell, rate: str) -> Pairs:
    """A rate of every run and of its control, the run with the same seeds, where there is one."""
    by_seeds = [dict(zip(cell.seeds, cell.values(rate), strict=True)) for cell in (treated, control)]
    return [(by_seeds[0][seeds], by_seeds[1][seeds]) for seeds in by_seeds[0] if seeds in by_seeds[1]]


def difference_texts(difference: PairedComparison) -> list[str]:
    """The number of pairs, the mean of their differences with its interval, and the p value of the paired test."""
    return [str(difference.num_pairs), difference_text(difference), p_text(difference.p_value)]


def difference_text(difference: PairedComparison) -> str:
    """The mean of the differences with its interval."""
    return mean_text(Mean(difference.mean_difference, difference.interval), "{:+.3f}")


def _compare(rate: str, treated: Cell, control: Cell, pairs: Pairs) -> PairedCells:
    first, second = zip(*pairs, strict=True)
    events = compare_paired_events([value == 1 for value in first], [value == 1 for value in second])
    return PairedCells(rate, treated, control, compare_paired(first, second), events)
