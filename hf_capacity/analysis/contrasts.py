"""What a hypothesis compares, as numbers: one weighted sum of the mean rates of several cells.

The difference between two cells has the weights 1 and -1, the fitted change along a ladder those of a regression on
the logarithm of the size. Shape suffixes: U units that tests take as independent, K cells.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from ..config.hypotheses import FEWEST_RUNS
from .cells import Cell, Mean


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A weighted sum of the mean rates of cells.

    Args:
        weights_K: The weight of each cell; they sum to 0.
        units: Of each cell, the rates that tests take as independent: one a run, or a mean of the runs of a crossed
            cell that share a seed or a split.
        is_paired: Whether the units of all cells are of the same seeds, in the same order.
        num_runs: Of each cell, the runs behind its units.
        estimate: The sum, with its interval.
    """

    weights_K: np.ndarray
    units: tuple[np.ndarray, ...]
    is_paired: bool
    num_runs: tuple[int, ...]
    estimate: Mean

    @property
    def standard_error(self) -> float:
        return math.sqrt(sum(self._variances()))

    @property
    def degrees_of_freedom(self) -> float:
        """Of pairs one fewer than there are; of independent cells by Satterthwaite (1946, Biometrics Bull. 2, 110)."""
        variances = self._variances()
        if self.is_paired or not sum(variances):
            return self.num_units - 1
        shares = zip(variances, self.units, strict=True)
        return sum(variances) ** 2 / sum(variance**2 / (len(units) - 1) for variance, units in shares)

    @property
    def num_units(self) -> int:
        """Independent units of the cell that has fewest."""
        return min(map(len, self.units))

    @property
    def spread(self) -> float:
        """What the standard error would be of a single unit a cell."""
        return self.standard_error * math.sqrt(self.num_units)

    def _variances(self) -> list[float]:
        """What each cell, or all pairs together, adds to the variance of the sum."""
        if self.is_paired:
            sums_U = self.weights_K @ np.array(self.units)
            return [float(sums_U.var(ddof=1)) / len(sums_U)]
        weighted = zip(self.weights_K, self.units, strict=True)
        return [float(weight**2 * units.var(ddof=1)) / len(units) for weight, units in weighted]


def contrast_cells(cells: Sequence[Cell], rate: str, weights: Sequence[float]) -> Contrast:
    """Measures a weighted sum of mean rates: seed by seed where the cells share seeds, else as independent groups.

    Args:
        cells: Two or more, each with five runs at least.
        rate: Which rate.
        weights: Of each cell.
    """
    weights_K = np.array(weights, dtype=float)
    shared = set.intersection(*(set(cell.seeds) for cell in cells))
    is_paired = len(shared) >= FEWEST_RUNS
    if is_paired:
        cells = [_of_seeds(cell, shared) for cell in cells]
    values = [cell.values(rate) for cell in cells]
    contrast = Contrast(
        weights_K=weights_K,
        units=tuple(np.array(cell.units(column)) for cell, column in zip(cells, values, strict=True)),
        is_paired=is_paired,
        num_runs=tuple(cell.num_runs for cell in cells),
        estimate=Mean(float(weights_K @ [np.mean(column) for column in values]), None),
    )
    bounds = (float(weights_K[weights_K < 0].sum()), float(weights_K[weights_K > 0].sum()))
    interval = cells[0].mean(weights_K @ np.array(values), bounds).interval if is_paired else _interval(contrast)
    return dataclasses.replace(contrast, estimate=contrast.estimate._replace(interval=interval))


def _of_seeds(cell: Cell, seeds: set[tuple[int, ...]]) -> Cell:
    by_seeds = dict(zip(cell.seeds, cell.records, strict=True))
    return dataclasses.replace(cell, records=tuple(by_seeds[own] for own in sorted(seeds)))


def _interval(contrast: Contrast) -> tuple[float, float] | None:
    """Of independent cells, by Welch's t; None where all runs of each are alike."""
    if contrast.num_units < 2 or not contrast.standard_error:
        return None
    half = float(student.isf(0.025, contrast.degrees_of_freedom)) * contrast.standard_error
    return contrast.estimate.value - half, contrast.estimate.value + half
