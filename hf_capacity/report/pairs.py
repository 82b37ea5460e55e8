"""Runs with the same seeds, compared one by one."""

from collections.abc import Sequence

from ..analysis.cells import Cell, Mean
from ..analysis.statistics import compare_paired
from .wording import mean_text, p_text


def pairs_of(treated: Cell, control: Cell, rate: str) -> list[tuple[float, float]]:
    """A rate of every run and of its control, the run with the same seeds, where there is one."""
    by_seeds = [dict(zip(cell.seeds, cell.values(rate), strict=True)) for cell in (treated, control)]
    return [(by_seeds[0][seeds], by_seeds[1][seeds]) for seeds in by_seeds[0] if seeds in by_seeds[1]]


def difference_texts(pairs: Sequence[tuple[float, float]]) -> list[str]:
    """The number of pairs, the mean of their differences with its interval, and the p value of the paired test."""
    difference = compare_paired(*zip(*pairs, strict=True))
    mean = Mean(difference.mean_difference, difference.interval)
    return [str(len(pairs)), mean_text(mean, "{:+.3f}"), p_text(difference.p_value)]
