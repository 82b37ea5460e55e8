"""Whether a difference is too small to matter, and which of several findings stand once all are counted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student


def prove_equivalence(estimate: float, standard_error: float, degrees_of_freedom: float, margin: float) -> float:
    """Two one-sided t tests: is a difference above -margin and below margin (Schuirmann 1987, J. Pharmacokinet.
    Biopharm. 15, 657)?

    Args:
        estimate: The difference.
        standard_error: Of the estimate, above 0.
        degrees_of_freedom: Of the standard error.
        margin: The smallest difference of interest, above 0.

    Returns:
        The larger of the two p values: below 0.05, the 90 % interval lies within the margins.
    """
    above = student.sf((estimate + margin) / standard_error, degrees_of_freedom)
    below = student.sf((margin - estimate) / standard_error, degrees_of_freedom)
    return float(max(above, below))


def prove_difference(estimate: float, standard_error: float, degrees_of_freedom: float, margin: float) -> float:
    """The opposite: is the difference larger than the margin, either way? Two one-sided t tests of which one has to
    reject, its p value doubled (arguments as for `prove_equivalence`)."""
    statistic = (abs(estimate) - margin) / standard_error
    return float(min(1, 2 * student.sf(statistic, degrees_of_freedom)))


def cautious_variance(values: ArrayLike, low: float, high: float) -> float:
    """Variance of a mean as equivalence is tested with: not below that with two runs more at either bound.

    Runs that are all alike, or all but one, have next to no variance, and yet a rare one may lie at a bound: t tests
    alone would take a rate at which one run in ten fails for one at which none does in 15 % of studies of ten runs.
    Agresti & Coull (1998, Am. Stat. 52, 119) add as many successes and failures to a share, for the same reason.

    Args:
        values: Independent numbers, one at least.
        low, high: Between which they must lie.
    """
    values = np.asarray(values, dtype=float)
    more = np.concatenate([values, [low, low, high, high]])
    plain = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    return max(plain, float(more.var()) / len(more))


def adjust_holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values (Holm 1979, Scand. J. Statist. 6, 65), of any dependence between the tests.

    Args:
        p_values: One per test. None: the test could not be done, but was planned, and counts as a p value of 1.

    Returns:
        The smallest level at which each would be rejected, all of them tested together; None for what is None.
    """
    numbers = np.array([1.0 if p_value is None else p_value for p_value in p_values])
    order = np.argsort(numbers, kind="stable")
    stepped = np.maximum.accumulate(numbers[order] * np.arange(len(numbers), 0, -1))
    adjusted = np.empty_like(numbers)
    adjusted[order] = np.minimum(stepped, 1)
    return [None if p_value is None else float(one) for p_value, one in zip(p_values, adjusted, strict=True)]
