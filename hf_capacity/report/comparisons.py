"""What a ladder says of size: its smallest model against its largest, and the best of those in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..analysis.cells import RATES, Cell, Ladder
from ..analysis.statistics import compare_independent
from .claims import FEWEST_RUNS, SIGNIFICANT


RATES_OF_SIZE = ("extrapolation", "recall")
# What Barron & White (2025) claim of a rate along their ladder, by training set: whether it falls or rises with size.
CLAIMS = {("arithmetic", "extrapolation"): "falls", ("capitals", "recall"): "rises", ("both", "recall"): "rises"}


@dataclass(frozen=True)
class SizeComparison:
    """A rate of the smallest and of the largest model of one ladder.

    Args:
        ladder: Two sizes or more, small ones first.
        rate: Which rate is compared.
        p_value: Of the two ends; None where one of them has too few runs.
        best: The size in between whose mean is above both ends, if there is one and the ends have enough runs.
        p_values_of_best: Of `best` against the smallest and against the largest, if it has enough runs too.
    """

    ladder: Ladder
    rate: str
    p_value: float | None
    best: Cell | None = None
    p_values_of_best: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[Cell, Cell]:
        """The smallest and the largest model."""
        return self.ladder.cells[0], self.ladder.cells[-1]

    @property
    def change(self) -> float:
        """The mean of the largest model less that of the smallest."""
        return _mean(self.ends[1], self.rate) - _mean(self.ends[0], self.rate)

    @property
    def is_significant(self) -> bool:
        """Whether the ends differ, before any correction for the number of comparisons."""
        return self.p_value is not None and self.p_value < SIGNIFICANT

    @property
    def trend(self) -> str:
        """Whether the rate `falls` or `rises` from the smallest model to the largest."""
        return "falls" if self.change < 0 else "rises"

    @property
    def claim(self) -> str | None:
        """What the paper claims of it: `falls`, `rises`, or nothing."""
        name = self.ladder.task.split(" (")[0]
        return CLAIMS.get((name, self.rate)) if self.ends[0].is_papers else None


def compare_sizes(ladders: Sequence[Ladder]) -> list[SizeComparison]:
    """A comparison for each ladder and rate; none for a ladder of a single size."""
    return [
        _compare_ends(ladder, rate)
        for ladder in ladders
        for rate in RATES_OF_SIZE
        if len(ladder.cells) > 1 and all(rate in cell.rates for cell in ladder.cells)
    ]


def joint_ladders(ladders: Sequence[Ladder]) -> list[Ladder]:
    """The ladders of which the paper claims that no size gets every withheld equation right."""
    return [ladder for ladder in ladders if len(ladder.cells[0].rates) == len(RATES) and ladder.cells[0].is_papers]


def _compare_ends(ladder: Ladder, rate: str) -> SizeComparison:
    small, large = (cell.units(cell.values(rate)) for cell in (ladder.cells[0], ladder.cells[-1]))
    if min(len(small), len(large)) < FEWEST_RUNS:
        return SizeComparison(ladder, rate, None)
    p_value = _p_value(tuple(small), tuple(large))
    best = max(ladder.cells, key=lambda cell: _mean(cell, rate))
    if _mean(best, rate) <= max(_mean(ladder.cells[0], rate), _mean(ladder.cells[-1], rate)):
        return SizeComparison(ladder, rate, p_value)
    picked = best.units(best.values(rate))
    p_values = tuple(_p_value(tuple(picked), tuple(end)) for end in (small, large))
    return SizeComparison(ladder, rate, p_value, best, p_values if len(picked) >= FEWEST_RUNS else None)


@lru_cache
def _p_value(first: tuple[float, ...], second: tuple[float, ...]) -> float | None:
    return compare_independent(first, second)  # a second of work for ten runs a side, and both table and finding ask


def _mean(cell: Cell, rate: str) -> float:
    return cell.mean(cell.values(rate)).value
