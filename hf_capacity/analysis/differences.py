"""Differences between cells where no hypothesis is tested: with an interval, or with as many runs as there are."""

from ..config.hypotheses import FEWEST_RUNS
from .cells import Cell, Mean
from .contrasts import contrast_cells, runs_of_seeds
from .intervals import DIFFERENCE


def difference_of(first: Cell, second: Cell, rate: str) -> Mean:
    """A rate of one cell less that of another, as `contrast_cells` has it; without interval if either has few runs."""
    if min(first.num_runs, second.num_runs) >= FEWEST_RUNS:
        return contrast_cells((first, second), rate, (1, -1)).estimate
    means = [cell.mean(cell.values(rate)).value for cell in (first, second)]
    return Mean(means[0] - means[1], None)


def paired_difference(treated: Cell, control: Cell, rate: str) -> Mean:
    """The mean difference over the pairs of runs with the same seeds, of which there is one at least."""
    first, second = shared_runs(treated, control)
    pairs = zip(first.values(rate), second.values(rate), strict=True)
    return first.mean([one - other for one, other in pairs], DIFFERENCE)


def shared_runs(treated: Cell, control: Cell) -> tuple[Cell, Cell]:
    """Both cells with only those runs whose seeds the other has too, in the same order; perhaps with none."""
    return runs_of_seeds(treated, set(control.seeds)), runs_of_seeds(control, set(treated.seeds))
