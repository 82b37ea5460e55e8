"""What so many runs can show: power, the difference that they find with 80 % power, and the runs that one takes."""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import comb
from scipy.stats import nct, norm
from scipy.stats import t as student


ENOUGH = 0.8
# No more than that will ever be run.
MOST_RUNS_OF_A_CELL = 100_000


class Design(NamedTuple):
    """How precisely some runs measure a difference, and how it is tested.

    Args:
        standard_error: Of the difference; above 0, but where it is to show that there is none.
        degrees_of_freedom: Of the standard error.
        num_runs: Of each cell.
        is_paired: Whether they are compared seed by seed.
        is_crossed: Whether they cross seeds with splits: then four times the runs are twice as many of either.
        is_trend: Whether there are more than two cells.
        reach: Where it is to show that there is no difference, in place of one: the largest that there could be.
        level: At which it is tested: two-sided, or each of the two one-sided tests.
    """

    standard_error: float
    degrees_of_freedom: float
    num_runs: int
    is_paired: bool = True
    is_crossed: bool = False
    is_trend: bool = False
    reach: float | None = None
    level: float = 0.05


def power(difference: float, num_runs: int, design: Design) -> float:
    """How likely so many runs find a difference, by the noncentral t distribution (Cohen 1988, chapter 2).

    That is the power of a t test, here at the level that the permutation test of so few runs can attain. Of pairs so
    few that all have to differ the same way, it is the chance that they do.

    Args:
        difference: The true one; where equivalence is to be shown, the margin, the true one being 0.
        num_runs: Of each cell, in place of those that the design has.
        design: How precisely its own runs measure the difference.
    """
    more = _times_as_precise(num_runs, design)
    degrees_of_freedom = design.degrees_of_freedom * more
    if not design.is_crossed:
        degrees_of_freedom = design.degrees_of_freedom * (num_runs - 1) / (design.num_runs - 1)
    level = _attainable_level(num_runs, design)
    if degrees_of_freedom < 1 or not level:
        return 0.0
    if design.reach is not None:
        return _power_of_equivalence(abs(difference), num_runs, degrees_of_freedom, design)
    error = design.standard_error / math.sqrt(more)
    if _is_permuted(design) and design.is_paired and level == 2.0 ** (1 - num_runs):
        # Only where all pairs differ the same way is p so small.
        one_way = norm.cdf([difference / error / math.sqrt(num_runs), -difference / error / math.sqrt(num_runs)])
        return float(np.sum(one_way**num_runs))
    shift, critical = abs(difference) / error, student.isf(level / 2, degrees_of_freedom)
    found = nct.sf(critical, degrees_of_freedom, shift) + _below(-critical, degrees_of_freedom, shift)
    return float(min(1, found))


def detectable_difference(design: Design) -> float | None:
    """The smallest difference that the design's runs find with 80 % power; None where they find none up to 1."""
    if power(1, design.num_runs, design) < ENOUGH:
        return None
    return float(brentq(lambda difference: power(difference, design.num_runs, design) - ENOUGH, 1e-9, 1, xtol=1e-6))


def runs_needed(difference: float, design: Design) -> int | None:
    """The fewest runs of each cell that find a difference with 80 % power; None where no number does."""
    low, high = 1, 2
    while power(difference, high, design) < ENOUGH:
        low, high = high, 2 * high
        if high > MOST_RUNS_OF_A_CELL:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, middle, design) >= ENOUGH else (middle, high)
    return high


def _times_as_precise(num_runs: int, design: Design) -> float:
    """By how much the variance of the difference shrinks with so many runs."""
    more = num_runs / design.num_runs
    return math.sqrt(more) if design.is_crossed else more


def _is_permuted(design: Design) -> bool:
    """Whether two cells are compared by permutations, so that p values come in steps."""
    return not (design.reach is not None or design.is_crossed or design.is_trend)


def _attainable_level(num_runs: int, design: Design) -> float:
    """The largest p value below the level that a permutation test of two cells can have, 0 if there is none.

    The smallest is 2 / 2^n of n pairs, and 2 in the number of ways to choose n of 2 n of two groups; others are
    multiples of it.
    """
    if not _is_permuted(design):
        return design.level
    smallest = 2.0 ** (1 - num_runs) if design.is_paired else 2 / float(comb(2 * num_runs, num_runs))
    return (math.ceil(design.level / smallest) - 1) * smallest if smallest else design.level


def _power_of_equivalence(margin: float, num_runs: int, degrees_of_freedom: float, design: Design) -> float:
    """Of the two one-sided tests, either of which misses as often as the other."""
    error = design.standard_error / math.sqrt(_times_as_precise(num_runs, design))
    critical, cautious = student.isf(design.level, degrees_of_freedom), _cautious_error(num_runs, design)
    if cautious <= error:
        missed = _below(critical, degrees_of_freedom, margin / error)
    else:  # the error that is tested with hardly varies, and the mean by its own
        room = margin - critical * cautious
        missed = norm.sf(room / error) if error else float(room <= 0)
    return float(max(0, 1 - 2 * missed))


def _below(value: float, degrees_of_freedom: float, shift: float) -> float:
    # Far out, where it is 0 by any measure, SciPy's may be NaN.
    return float(np.nan_to_num(nct.cdf(value, degrees_of_freedom, shift)))


def _cautious_error(num_runs: int, design: Design) -> float:
    """What `equivalence.cautious_variance` makes of so many runs, those of a crossed cell by its seeds or splits."""
    num_units, num_before = num_runs, design.num_runs
    if design.is_crossed:
        num_units, num_before = math.isqrt(num_units), math.isqrt(num_before)
    of_one = design.standard_error**2 * num_before
    return math.sqrt(num_units * of_one + 4 * design.reach**2) / (num_units + 4)
