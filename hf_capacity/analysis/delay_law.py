"""The delay from fit to extrapolation as a power of the learning rate and of weight decay.

Truong et al. (2026, arXiv 2603.13331) derive that it is inverse in both, powers of -1, and find it so in 293 runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .cells import Mean
from .intervals import mean_interval
from .planes import Plane
from .times import Curve, delays


SETTINGS = {"learning_rate", "weight_decay"}
# Of one seed: one more than its fit has coefficients.
FEWEST_DELAYS = 4

Point = tuple[float, float, float]


class DelayLaw(NamedTuple):
    """Powers of the two settings of a plane, fitted to the delays of each seed.

    Args:
        powers: Of each setting, its mean over seeds, without an interval where seeds and splits are crossed.
        r_squared: The share of the variance of log delays within seeds that the fits explain; None if there is none.
        num_runs: Runs in the fits.
        num_left_out: Runs without a delay above 0, or without weight decay, or of a seed with fewer than four others.
    """

    powers: dict[str, Mean]
    r_squared: float | None
    num_runs: int
    num_left_out: int


def delay_law(plane: Plane, curves: dict[str, Curve]) -> DelayLaw | None:
    """The law of a plane over learning rate and weight decay; None of any other, or where no seed has enough delays.

    Least squares of the logarithms, so that a run that never extrapolates has no place in it: it is left out, which
    flattens the law where long delays are the ones not seen.

    Args:
        plane: Of cells that withhold questions of a rule.
        curves: The learning curve of each run, by run id.
    """
    if {plane.x.name, plane.y.name} != SETTINGS:
        return None
    by_seeds: dict[tuple[int, ...], list[Point]] = {}
    for (x, y), cell in plane.cells.items():
        for seeds, record in zip(cell.seeds, cell.records, strict=True):
            found = delays([curves[record["run_id"]]])
            point = (plane.x.values[x], plane.y.values[y], *found.durations)
            if found.num_reached and min(point) > 0:
                by_seeds.setdefault(seeds, []).append(point)
    fitted = {seeds: fit for seeds, points in by_seeds.items() if (fit := _fit(points)) is not None}
    if not fitted:
        return None
    is_crossed = any(cell.is_crossed for cell in plane.cells.values())
    powers = {
        axis.name: Mean(float(np.mean(own)), None if is_crossed else mean_interval(own), tuple(own))
        for axis, own in zip((plane.x, plane.y), zip(*(fit[0] for fit in fitted.values()), strict=True), strict=True)
    }
    missed, varied = (sum(fit[part] for fit in fitted.values()) for part in (1, 2))
    num_runs = sum(len(by_seeds[seeds]) for seeds in fitted)
    num_all = sum(cell.num_runs for cell in plane.cells.values())
    return DelayLaw(powers, 1 - missed / varied if varied else None, num_runs, num_all - num_runs)


def _fit(points: Sequence[Point]) -> tuple[tuple[float, float], float, float] | None:
    """Both powers, and the squares of log delays that the fit leaves and that there were; None if not determined."""
    logs_N3 = np.log(np.asarray(points, dtype=float))
    design_N3 = np.column_stack([np.ones(len(points)), logs_N3[:, :2]])
    coefficients_3, _, rank, _ = np.linalg.lstsq(design_N3, logs_N3[:, 2], rcond=None)
    if len(points) < FEWEST_DELAYS or rank < 3:
        return None
    missed_N = logs_N3[:, 2] - design_N3 @ coefficients_3
    varied_N = logs_N3[:, 2] - logs_N3[:, 2].mean()
    first, second = coefficients_3[1:].tolist()
    return (first, second), float(missed_N @ missed_N), float(varied_N @ varied_N)
