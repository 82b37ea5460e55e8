"""What so many runs can show: power, the difference that they find with 80 % power, and the runs that one takes."""

import math
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import comb
from scipy.stats import nct
from scipy.stats import t as student


ENOUGH = 0.8
# No more than that will ever be run.
MOST_RUNS_OF_A_CELL = 100_000


class Design(NamedTuple):
    """How precisely some runs measure a difference, and how it is tested.

    Args:
        standard_error: Of the difference, above 0.
        degrees_of_freedom: Of the standard error.
        num_runs: Of each cell.
        is_paired: Whether they are compared seed by seed.
        is_crossed: Whether they cross seeds with splits: then four times the runs are twice as many of either.
        is_trend: Whether there are more than two cells.
        is_equivalence: Whether it is to show that there is no difference, in place of one.
        level: At which it is tested: two-sided, or each of the two one-sided tests.
    """

    standard_error: float
    degrees_of_freedom: float
    num_runs: int
    is_paired: bool = True
    is_crossed: bool = False
    is_trend: bool = False
    is_equivalence: bool = False
    level: float = 0.05


def power(difference: float, num_runs: int, design: Design) -> float:
    """How likely so many runs find a difference, by the noncentral t distribution (Cohen 1988, chapter 2).

    Args:
        difference: The true one; where equivalence is to be shown, the margin, the true one being 0.
        num_runs: Of each cell, in place of those that the design has.
        design: How precisely its own runs measure the difference.
    """
    more = num_runs / design.num_runs
    if design.is_crossed:
        more = math.sqrt(more)
        degrees_of_freedom = design.degrees_of_freedom * more
    else:
        degrees_of_freedom = design.degrees_of_freedom * (num_runs - 1) / (design.num_runs - 1)
    if degrees_of_freedom < 1 or _smallest_p(num_runs, design) >= design.level:
        return 0.0
    shift = abs(difference) * math.sqrt(more) / design.standard_error
    if design.is_equivalence:
        missed = nct.cdf(student.isf(design.level, degrees_of_freedom), degrees_of_freedom, shift)
        return float(max(0, 1 - 2 * missed))
    critical = student.isf(design.level / 2, degrees_of_freedom)
    found = nct.sf(critical, degrees_of_freedom, shift) + nct.cdf(-critical, degrees_of_freedom, shift)
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


def _smallest_p(num_runs: int, design: Design) -> float:
    """Of a permutation test of two cells: 2 / 2^n of n pairs, 2 in the number of ways to choose n of 2 n of groups."""
    if design.is_equivalence or design.is_crossed or design.is_trend:
        return 0.0
    return 2.0 ** (1 - num_runs) if design.is_paired else 2 / float(comb(2 * num_runs, num_runs))
