"""What a hypothesis compares, as numbers: one weighted sum of the mean rates of several cells.

The difference between two cells has the weights 1 and -1, the fitted change along a ladder those of a regression on
the logarithm of the size. Shape suffixes: K cells, R runs.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..config.hypotheses import FEWEST_RUNS
from .cells import Cell, Mean
from .equivalence import cautious_variance


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A weighted sum of the mean rates of cells.

    Args:
        weights_K: The weight of each cell; they sum to 0.
        cells: The cells, of runs that share seeds only those, in the same order.
        values: Of each cell, the rate of every run.
        is_paired: Whether the runs of all cells have the same seeds.
        estimate: The sum, with its interval.
        standard_error: Of the sum.
        degrees_of_freedom: Of the standard error.
    """

    weights_K: np.ndarray
    cells: tuple[Cell, ...]
    values: tuple[np.ndarray, ...]
    is_paired: bool
    estimate: Mean
    standard_error: float
    degrees_of_freedom: float

    @property
    def is_crossed(self) -> bool:
        """Whether runs of a cell share seeds, and others splits."""
        return any(cell.is_crossed for cell in self.cells)

    @property
    def reach(self) -> float:
        """The largest that the sum can be, of rates between 0 and 1."""
        return _reach(self.weights_K)

    @property
    def units(self) -> list[list[float]]:
        """Of each cell, what permutation tests take as independent (see `Cell.units`)."""
        return [cell.units(values) for cell, values in zip(self.cells, self.values, strict=True)]

    @property
    def cautious_error(self) -> float:
        """The standard error as equivalence is tested with: see `cautious_variance`."""
        if self.is_paired:
            cautious = cautious_variance(_sums(self.weights_K, self.units), -self.reach, self.reach)
        else:
            variances = [cautious_variance(units, 0, 1) for units in self.units]
            cautious = float(self.weights_K**2 @ variances)
        return max(self.standard_error, math.sqrt(cautious))

    @property
    def num_runs(self) -> int:
        """Runs of the cell that has fewest."""
        return min(cell.num_runs for cell in self.cells)


def contrast_cells(cells: Sequence[Cell], rate: str, weights: Sequence[float]) -> Contrast:
    """Measures a weighted sum of mean rates: seed by seed where the cells share seeds, else as independent groups.

    Args:
        cells: Two or more, each with five runs at least.
        rate: Which rate.
        weights: Of each cell.
    """
    weights_K = np.array(weights, dtype=float)
    shared = shared_seeds(cells)
    if shared:
        cells = [runs_of_seeds(cell, shared) for cell in cells]
    values = tuple(np.array(cell.values(rate)) for cell in cells)
    if shared:
        sums_R = _sums(weights_K, values)
        estimate = cells[0].mean(sums_R.tolist(), (-_reach(weights_K), _reach(weights_K)))
        terms = [cells[0].precision(sums_R)]
    else:
        estimate = _sum_of_means(
            [cell.mean(of_cell.tolist()) for cell, of_cell in zip(cells, values, strict=True)], weights_K
        )
        terms = [
            (weight**2 * variance, freedom)
            for weight, (variance, freedom) in zip(weights_K, map(Cell.precision, cells, values), strict=True)
        ]
    variance = float(sum(one for one, _ in terms))
    return Contrast(
        weights_K=weights_K,
        cells=tuple(cells),
        values=values,
        is_paired=bool(shared),
        estimate=estimate,
        standard_error=math.sqrt(variance),
        # Satterthwaite (1946, Biometrics Bull. 2, 110), of two cells Welch's.
        degrees_of_freedom=variance**2 / sum(one**2 / freedom for one, freedom in terms) if variance else terms[0][1],
    )


def shared_seeds(cells: Sequence[Cell]) -> set[tuple[int, ...]]:
    """The seeds that runs of all cells have, if there are enough of them to compare the cells seed by seed."""
    shared = set.intersection(*(set(cell.seeds) for cell in cells))
    return shared if len(shared) >= FEWEST_RUNS else set()


def runs_of_seeds(cell: Cell, seeds: set[tuple[int, ...]]) -> Cell:
    """The cell with only those runs that have these seeds, in the order of the seeds."""
    by_seeds = dict(zip(cell.seeds, cell.records, strict=True))
    return dataclasses.replace(cell, records=tuple(by_seeds[own] for own in sorted(seeds & set(by_seeds))))


def _reach(weights_K: np.ndarray) -> float:
    return float(np.abs(weights_K).sum()) / 2


def _sums(weights_K: np.ndarray, values: Sequence[ArrayLike]) -> np.ndarray:
    reach = _reach(weights_K)
    return np.clip(weights_K @ np.array(values), -reach, reach)  # rounding may carry them past it


def _sum_of_means(means: Sequence[Mean], weights_K: np.ndarray) -> Mean:
    """A weighted sum of independent means, its interval made of theirs (Zou & Donner 2008, Stat. Med. 27, 1693)."""
    value = float(weights_K @ [mean.value for mean in means])
    if any(mean.interval is None for mean in means):
        return Mean(value, None)
    below, above = [], []
    for weight, mean in zip(weights_K, means, strict=True):
        ends = sorted(weight * (end - mean.value) for end in mean.interval)
        below.append(ends[0])
        above.append(ends[1])
    return Mean(value, (value - math.hypot(*below), value + math.hypot(*above)))
