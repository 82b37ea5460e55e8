"""What so many runs can show: power, the difference that they find with 80 % power, and the runs that one takes."""

import math
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student


ENOUGH = 0.8
# No more than that will ever be run.
MOST_RUNS_OF_A_CELL = 100_000


class Design(NamedTuple):
    """How precisely a comparison measures a difference, per unit that tests take as independent.

    Args:
        spread: Standard error of the difference from a single unit a cell (pairs: of their difference), so that n
            units have `spread / sqrt(n)`.
        num_groups: How many independent groups the standard error is pooled over; 1 of pairs.
        is_equivalence: Whether it is to show that there is no difference, in place of one.
        level: At which it is tested, two-sided, or each of the two one-sided tests.
    """

    spread: float
    num_groups: int
    is_equivalence: bool = False
    level: float = 0.05


def power(difference: float, num_units: int, design: Design) -> float:
    """How likely a test finds a difference, by the noncentral t distribution (Cohen 1988, chapter 2).

    Args:
        difference: The true one; where equivalence is to be shown, the margin, the true one being 0.
        num_units: Independent units in each cell, or pairs.
        design: The comparison.
    """
    degrees_of_freedom = design.num_groups * (num_units - 1)
    if degrees_of_freedom < 1 or _smallest_p(num_units, design) > design.level:
        return 0.0
    shift = abs(difference) * math.sqrt(num_units) / design.spread
    if design.is_equivalence:
        missed = nct.cdf(student.isf(design.level, degrees_of_freedom), degrees_of_freedom, shift)
        return float(max(0, 1 - 2 * missed))
    critical = student.isf(design.level / 2, degrees_of_freedom)
    found = nct.sf(critical, degrees_of_freedom, shift) + nct.cdf(-critical, degrees_of_freedom, shift)
    return float(min(1, found))


def detectable_difference(num_units: int, design: Design) -> float | None:
    """The smallest difference that these runs find with 80 % power; None where they would find none up to 1."""
    if power(1, num_units, design) < ENOUGH:
        return None
    return float(brentq(lambda difference: power(difference, num_units, design) - ENOUGH, 1e-9, 1, xtol=1e-6))


def units_needed(difference: float, design: Design) -> int | None:
    """The fewest units a cell, or pairs, that find a difference with 80 % power; None where no number does."""
    low, high = 1, 2
    while power(difference, high, design) < ENOUGH:
        low, high = high, 2 * high
        if high > MOST_RUNS_OF_A_CELL:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, middle, design) >= ENOUGH else (middle, high)
    return high


def _smallest_p(num_units: int, design: Design) -> float:
    """Of a permutation test: 2 / 2^n of n pairs, 2 in the number of ways to choose n of 2 n of two groups."""
    if design.is_equivalence:
        return 0.0
    if design.num_groups == 1:
        return 2.0 ** (1 - num_units)
    return 2 / math.comb(2 * num_units, num_units)
