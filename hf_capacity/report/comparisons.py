"""What a ladder says of size: its smallest model against its largest, and the best of those in between."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..analysis.cells import RATES, Cell, Ladder, Mean
from ..analysis.differences import difference_of
from .claims import differs
from .rates import rates_and_kinds


RATES_OF_SIZE = ("extrapolation", "recall")
# What Barron & White (2025) claim of a rate along their ladder, by training set: whether it falls or rises with size.
CLAIMS = {("arithmetic", "extrapolation"): "falls", ("capitals", "recall"): "rises", ("both", "recall"): "rises"}


@dataclass(frozen=True)
class SizeComparison:
    """A rate of the smallest and of the largest model of one ladder.

    Args:
        ladder: Two sizes or more, small ones first.
        rate: Which rate is compared.
        difference: Of the largest model less the smallest; without an interval where one of them has too few runs.
        best: The size in between whose mean is above both ends, if there is one and the ends have enough runs.
        differences_of_best: Of `best` less the smallest and less the largest.
    """

    ladder: Ladder
    rate: str
    difference: Mean
    best: Cell | None = None
    differences_of_best: tuple[Mean, Mean] | None = None

    @property
    def ends(self) -> tuple[Cell, Cell]:
        """The smallest and the largest model."""
        return self.ladder.cells[0], self.ladder.cells[-1]

    @property
    def has_interval(self) -> bool:
        """Whether there are runs enough to say anything."""
        return self.difference.interval is not None

    @property
    def trend(self) -> str:
        """Whether the rate `falls` or `rises` from the smallest model to the largest."""
        return "falls" if self.difference.value < 0 else "rises"

    @property
    def verdict(self) -> str:
        """The trend if the interval excludes 0; `peaks` where the ends do not differ, and a size in between does."""
        if not self.has_interval:
            return "too few runs"
        if differs(self.difference):
            return self.trend
        return "peaks" if self.has_peak else "open"

    @property
    def has_peak(self) -> bool:
        """Whether a size in between is above both ends: then size makes a difference, whatever the ends do."""
        return self.best is not None and all(map(differs, self.differences_of_best))

    @property
    def claim(self) -> str | None:
        """What the paper claims of it: `falls`, `rises`, or nothing."""
        name = self.ladder.task.split(" (")[0]
        return CLAIMS.get((name, self.rate)) if self.ends[0].is_papers else None


def compare_sizes(ladders: Sequence[Ladder]) -> list[SizeComparison]:
    """A comparison for each ladder and rate, kinds of questions apart too; none for a ladder of a single size."""
    return [
        _compare_ends(ladder, rate)
        for ladder in ladders
        for rate in rates_and_kinds(ladder.cells)
        if len(ladder.cells) > 1 and rate.split(" of ")[0] in RATES_OF_SIZE
    ]


def joint_ladders(ladders: Sequence[Ladder]) -> list[Ladder]:
    """The ladders of which the paper claims that no size gets every withheld equation right."""
    return [ladder for ladder in ladders if len(ladder.cells[0].rates) == len(RATES) and ladder.cells[0].is_papers]


def _compare_ends(ladder: Ladder, rate: str) -> SizeComparison:
    small, large = ladder.cells[0], ladder.cells[-1]
    difference = difference_of(large, small, rate)
    best = max(ladder.cells, key=lambda cell: _mean(cell, rate))
    if difference.interval is None or _mean(best, rate) <= max(_mean(small, rate), _mean(large, rate)):
        return SizeComparison(ladder, rate, difference)
    return SizeComparison(
        ladder, rate, difference, best, (difference_of(best, small, rate), difference_of(best, large, rate))
    )


def _mean(cell: Cell, rate: str) -> float:
    return cell.mean(cell.values(rate)).value
