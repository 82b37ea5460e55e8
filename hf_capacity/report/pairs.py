"""Runs with the same seeds, compared one by one."""

from collections.abc import Sequence
from typing import NamedTuple

from ..analysis.cells import Cell, Mean
from ..analysis.differences import paired_difference, shared_runs
from .rates import rates_and_kinds


class PairedCells(NamedTuple):
    """A rate of the runs of one cell beside that of its control, the same model in its first cell.

    Args:
        rate: Which rate is compared.
        treated, control: The cells, with only the runs that have a counterpart.
        difference: The mean over pairs.
    """

    rate: str
    treated: Cell
    control: Cell
    difference: Mean

    @property
    def num_pairs(self) -> int:
        return self.treated.num_runs

    @property
    def only_treated(self) -> int:
        """In how many pairs only the treated run gets every question right."""
        return self._count_only(self.treated, self.control)

    @property
    def only_control(self) -> int:
        """In how many pairs only its control does."""
        return self._count_only(self.control, self.treated)

    def _count_only(self, one: Cell, other: Cell) -> int:
        both = zip(one.all_right(self.rate), other.all_right(self.rate), strict=True)
        return sum(right and not others for right, others in both)


def compare_pairs(cells: Sequence[Cell]) -> list[PairedCells]:
    """Compares the cells of each model with the first of them that has the rate too."""
    found = []
    for model in dict.fromkeys(cell.model for cell in cells):
        own = [cell for cell in cells if cell.model == model]
        for rate in dict.fromkeys(rate for cell in own for rate in rates_and_kinds([cell])):
            control, *others = [cell for cell in own if rate in rates_and_kinds([cell])]
            for other in others:
                pairs = shared_runs(other, control)
                if pairs[0].num_runs > 1:
                    found.append(PairedCells(rate, *pairs, paired_difference(*pairs, rate)))
    return found
