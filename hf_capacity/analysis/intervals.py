"""Intervals of 95 % over runs that cover what they say from five runs up, and none below.

A trained model is the unit of replication. Which way to an interval is taken was decided by simulation over the shapes
that runs have here (`scripts/interval_coverage.py`). Shape suffixes: S seeds, P pairs (or other splits), G distinct
values, T arguments of a characteristic function.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import binomtest
from scipy.stats import t as student

from ..config.hypotheses import FEWEST_RUNS


TAIL = 0.025
# What a rate can be, and the difference of two.
RATE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)
# Of the integral over a characteristic function: its logarithmic grid, on which the trapezoid rule is exact to 1e-8.
STEP = 0.125
TIMES = np.exp(np.arange(-20, 20 + STEP, STEP))

Interval = tuple[float, float]


class VarianceShares(NamedTuple):
    """Of the variance of one run, what its seeds have, what its pairs have, and what is left."""

    seeds: float
    pairs: float
    rest: float

    def of_mean(self, values_SP: np.ndarray) -> float:
        """The variance of the mean of a table, as a share of the variance of a run."""
        is_run = ~np.isnan(values_SP)
        of_seeds, of_pairs = (np.sum(is_run.sum(axis=axis) ** 2) / is_run.sum() for axis in (1, 0))
        return float(of_seeds * self.seeds + of_pairs * self.pairs + self.rest) / int(is_run.sum())


def share_interval(count: int, total: int) -> Interval | None:
    """Clopper & Pearson's exact 95 % interval of how often something happens to a run (1934, Biometrika 26, 404).

    Args:
        count: Runs to which it happened, each with seeds and pairs of its own (else see `crossed_interval`).
        total: Runs.

    Returns:
        Lower and upper end, or None for fewer than five runs.
    """
    if total < FEWEST_RUNS:
        return None
    interval = binomtest(count, total).proportion_ci(confidence_level=0.95, method="exact")
    return float(interval.low), float(interval.high)


def mean_interval(values: ArrayLike, bounds: Interval | None = None) -> Interval | None:
    """95 % interval of a mean over independent runs.

    Without bounds it is Student's. Rates pile up at a bound, or differ in rare runs that a few may not hold, and there
    that covers far too little: theirs is the interval of Learned-Miller & Thomas (2019, arXiv 1905.06208). Its upper
    end is the 97.5 % quantile of the mean of n runs and the upper bound under weights that are uniform over all that
    sum to one, the lower end the same from below. Of runs that are all 0 or 1 it is Clopper & Pearson's. Where all n
    runs are c, the weight w of the bound has P(w > x) = (1 - x)^n, so that the upper end is c + (upper bound - c)
    (1 - 0.025^(1/n)). That is exact: a mean beyond it takes a distribution that exceeds c so often that n runs are all
    at most c with a chance below 0.025, even if what exceeds c lies at the bound.

    Differences of rates, whose bounds lie on both sides of 0, do not pile up there. Of them it is enough to have half
    a run at either bound in both quantiles, the runs' weights in proportion (after Rubin 1981, Ann. Stat. 9, 130; of 0
    and 1 that would be Jeffreys's interval).

    Args:
        values: One number per run.
        bounds: Between which the values must lie, as `RATE` or `DIFFERENCE`; None where there are none.

    Returns:
        Lower and upper end, or None for fewer than five runs.
    """
    (values,) = finite_columns(values=values) if len(values) else [np.empty(0)]
    if len(values) < FEWEST_RUNS:
        return None
    if bounds is None:
        half = student.ppf(1 - TAIL, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return float(values.mean() - half), float(values.mean() + half)
    return _between(tuple(values.tolist()), bounds, float(len(values)))


def crossed_interval(values_SP: ArrayLike, bounds: Interval | None = None) -> Interval | None:
    """95 % interval of a mean over runs that cross seeds with pairs, both a sample: such runs are not independent.

    The variance of the mean follows from those of seeds, pairs and the rest (`variance_shares`), the degrees of
    freedom from Satterthwaite (1946, Biometrics Bull. 2, 110); without bounds the interval is Student's. Between
    bounds it reaches as far as that does, or as far as `mean_interval` of the effective number of runs: the variance
    of a run over that of the mean, of which never more than there are seeds or pairs, whichever is greater.

    Two seeds hardly show how much seeds matter. Where that is a quarter of the variance or more, no candidate covered
    what it should; this one came closest, with 84 to 92 % for two seeds and 45 pairs.

    Args:
        values_SP: One number per run, a row per seed and a column per pair, NaN where there is no such run.
        bounds: Between which the values must lie, as `RATE` and `DIFFERENCE`; None where there are none.

    Returns:
        Lower and upper end, or None for fewer than two seeds, two pairs or five of either, or where no two runs share
        seeds, or none a pair.
    """
    table_SP = _table(values_SP)
    larger = max(table_SP.shape)
    if min(table_SP.shape) < 2 or larger < FEWEST_RUNS or np.isnan(_components(table_SP)).any():
        return None
    runs = table_SP[~np.isnan(table_SP)]
    variance, freedom = variance_of_the_mean(table_SP)
    half = student.ppf(1 - TAIL, freedom) * np.sqrt(variance)
    low, high = float(runs.mean() - half), float(runs.mean() + half)
    if bounds is None:
        return low, high
    shares = variance_shares(table_SP)
    num_effective = larger if shares is None else min(larger, 1 / shares.of_mean(table_SP))
    lower, higher = _between(tuple(runs.tolist()), bounds, float(num_effective))
    return min(lower, max(low, bounds[0])), max(higher, min(high, bounds[1]))


def variance_shares(values_SP: ArrayLike) -> VarianceShares | None:
    """How much of the variance of a run comes from its seeds, from its pairs, and from neither alone.

    The method of moments for two crossed random effects (Searle, Casella & McCulloch 1992, Variance Components, ch.
    4): in a full table the estimates of the analysis of variance, negative ones set to 0. Two runs with the same seeds
    differ by pairs and the rest, two with the same pairs by seeds and the rest, any others by all three; so half of
    their mean squared differences give the three, and missing runs do no harm.

    Args:
        values_SP: One number per run, a row per seed and a column per pair, NaN where there is no such run.

    Returns:
        Three shares that sum to one, or None for fewer than two seeds or pairs, or runs that are all equal.
    """
    table_SP = _table(values_SP)
    if min(table_SP.shape) < 2:
        return None
    components = np.maximum(_components(table_SP), 0)
    # Not a number where no two runs share their seeds, or their pair: then nothing tells these apart.
    return VarianceShares(*(components / components.sum()).tolist()) if components.sum() > 1e-12 else None


def finite_columns(**columns: ArrayLike) -> list[np.ndarray]:
    """Columns of numbers as arrays.

    Raises:
        ValueError: If they are not finite, not of one length or empty.
    """
    arrays = [np.asarray(column, dtype=float) for column in columns.values()]
    one_length = len({array.shape for array in arrays}) == 1 == arrays[0].ndim
    if not one_length or not len(arrays[0]) or not np.isfinite(arrays).all():
        raise ValueError(f"Expected finite numbers of the same runs, one at least; got {columns}.")
    return arrays


@lru_cache(10_000)  # a report asks again wherever the same mean stands: in a table, a figure, a sentence
def _between(values: tuple[float, ...], bounds: Interval, num_effective: float) -> Interval:
    """Of as many runs as count, with a run at the bound in question or, of differences, half a run at either."""
    low, high = bounds
    if min(values) < low or max(values) > high:
        raise ValueError(f"Expected values between {low:g} and {high:g}; got {min(values):g} to {max(values):g}.")
    distinct, counts = np.unique(values, return_counts=True)
    weights = counts * num_effective / len(values)
    if low < 0 < high:
        distinct, weights = np.append(distinct, bounds), np.append(weights, (0.5, 0.5))
        return -_weighted_quantile(-distinct, weights), _weighted_quantile(distinct, weights)
    weights, from_below, from_above = np.append(weights, 1.0), np.append(distinct, low), np.append(distinct, high)
    return -_weighted_quantile(-from_below, weights), _weighted_quantile(from_above, weights)


def _weighted_quantile(values_G: np.ndarray, weights_G: np.ndarray) -> float:
    """97.5 % quantile of the mean of values under Dirichlet weights.

    That mean is at most m where the weighted sum of independent gamma variables, of shape `weights` and scale
    `values - m`, is not positive; the chance of that is an integral over the characteristic function (Gil-Pelaez 1951,
    Biometrika 38, 481).
    """
    low, high = values_G.min(), values_G.max()
    if low == high:
        return float(low)

    def excess(mean: float) -> float:
        terms_TG = np.outer(TIMES, (values_G - mean) / (high - low))
        sizes_T = np.exp(-0.5 * np.log1p(terms_TG**2) @ weights_G)
        return 0.5 - STEP / np.pi * float(np.sum(sizes_T * np.sin(np.arctan(terms_TG) @ weights_G))) - (1 - TAIL)

    return float(brentq(excess, low, high, xtol=1e-9))


def _table(values_SP: ArrayLike) -> np.ndarray:
    table_SP = np.asarray(values_SP, dtype=float)
    if table_SP.ndim != 2 or np.isinf(table_SP).any():
        raise ValueError(f"Expected a table of finite numbers, NaN for a missing run; got {table_SP}.")
    return table_SP[~np.isnan(table_SP).all(axis=1)][:, ~np.isnan(table_SP).all(axis=0)]


def _components(table_SP: np.ndarray) -> np.ndarray:
    """Variances of seeds, pairs and the rest, possibly negative."""
    is_run = ~np.isnan(table_SP)
    centred = np.where(is_run, table_SP - np.nanmean(table_SP), 0.0)

    def squares(axis: int | None) -> tuple[float, float]:
        """Sum of the squared differences, and number, of ordered pairs of runs of the same row, column, or any."""
        counts, totals, powers = (np.sum(part, axis=axis) for part in (is_run, centred, centred**2))
        return float(np.sum(2 * (counts * powers - totals**2))), float(np.sum(counts**2) - is_run.sum())

    (row_sum, rows), (column_sum, columns), (all_sum, both) = squares(1), squares(0), squares(None)
    # Two runs of other seeds and other pairs are what is left of all.
    other_sum, others = all_sum - row_sum - column_sum, both - rows - columns
    same_seeds, same_pairs, neither = (
        total / (2 * number) if number else np.nan
        for total, number in ((row_sum, rows), (column_sum, columns), (other_sum, others))
    )
    return np.array([neither - same_seeds, neither - same_pairs, same_seeds + same_pairs - neither])


def variance_of_the_mean(table_SP: np.ndarray) -> tuple[float, float]:
    """The variance of the mean of all runs, and its degrees of freedom."""
    is_run = ~np.isnan(table_SP)
    num_runs, num_seeds, num_pairs = int(is_run.sum()), *table_SP.shape
    of_seeds, of_pairs, of_rest = _components(table_SP)
    of_rest = max(of_rest, 0.0)
    # The mean squares that a full table would have; with runs missing, with as many runs a seed or pair on average.
    squares = {
        "seeds": (of_rest + of_seeds * np.sum(is_run.sum(axis=1) ** 2) / num_runs, num_seeds - 1),
        "pairs": (of_rest + of_pairs * np.sum(is_run.sum(axis=0) ** 2) / num_runs, num_pairs - 1),
        "rest": (of_rest, num_runs - num_seeds - num_pairs + 1),
    }
    taken = [name for name in ("seeds", "pairs") if squares[name][0] > of_rest]
    if not taken:
        return float(np.nanvar(table_SP, ddof=1)) / num_runs, num_runs - 1
    terms = [squares[name] for name in taken] + [(-of_rest, squares["rest"][1])] * (len(taken) - 1)
    variance = sum(square for square, _ in terms)
    freedom = variance**2 / sum(square**2 / max(of, 1) for square, of in terms)
    return float(variance) / num_runs, float(freedom)
