"""Whether one number of a run goes with another."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm, spearmanr

from .intervals import TAIL, Interval


# Runs from which the interval covers 93 % or more, ties and strong correlations included; of five it may be 62 %.
FEWEST_RANKED = 10


class RankCorrelation(NamedTuple):
    """Spearman's rank correlation over runs, and its 95 % interval, None below ten runs or of dependent ones."""

    value: float
    interval: Interval | None
    num_runs: int


def rank_correlation(
    first: Sequence[float], second: Sequence[float], *, independent: bool = True
) -> RankCorrelation | None:
    """Spearman's rank correlation, ties at their mean rank.

    The interval is that of Bonett & Wright (2000, Psychometrika 65, 23): Fisher's transformation with the variance
    (1 + r^2 / 2) / (n - 3).

    Args:
        first: A number of each run.
        second: Another.
        independent: Whether the runs are; those of several sizes share their seeds.

    Returns:
        None where one of the numbers is the same in all runs: it has no ranks.
    """
    num_runs = len(first)
    if num_runs < 2 or 0 in (np.ptp(first), np.ptp(second)):
        return None
    value = float(np.clip(spearmanr(first, second).statistic, -1, 1))
    if num_runs < FEWEST_RANKED or not independent:
        return RankCorrelation(value, None, num_runs)
    reach = float(norm.isf(TAIL)) * math.sqrt((1 + value**2 / 2) / (num_runs - 3))
    middle = float(np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12)))
    return RankCorrelation(value, (math.tanh(middle - reach), math.tanh(middle + reach)), num_runs)
