"""Comparisons and thresholds: how much the figures of a few runs can say. Intervals are in `intervals.py`.

Pure functions over numbers. A trained model is the unit of replication: what is resampled here is runs, never the
questions of one model, and always from one fixed seed. What is no run at all, not finite, out of range or not of the
same runs throughout raises a ValueError that says what came. Shape suffixes: K sizes, D draws.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import CensoredData, binomtest, ecdf, permutation_test

from .intervals import Interval, finite_columns


SEED = 0
NUM_DRAWS = 10_000
NUM_PERMUTATIONS = 200_000


class CriticalCapacity(NamedTuple):
    estimate: float | None
    slope: float | None
    interval: tuple[float, float] | None
    brackets: tuple[tuple[float, float], ...]
    direction: Literal["rising", "falling"]


class MedianTime(NamedTuple):
    estimate: float | None
    interval: tuple[float | None, float | None]


def wilson_interval(correct: int, total: int) -> Interval:
    """Wilson 95 % interval of a rate (Newcombe 1998, Stat. Med. 17, 857, method 3).

    Over the questions of one model it says how precisely that one model was measured; another seed may fall outside
    it. Never pool such questions over models: they are not independent. For k of n runs there is
    `share_interval`.

    Args:
        correct: Questions answered right.
        total: Questions, at least one.

    Returns:
        Lower and upper end, both between 0 and 1.
    """
    interval = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def compare_independent(first: ArrayLike, second: ArrayLike) -> float | None:
    """Compare two groups of runs by the permutation test of their means (Efron & Tibshirani 1993, ch. 15).

    It is exact up to 10 runs against 10, of more 200,000 permutations are drawn; conservative of groups that share
    seeds, if that makes them resemble each other.

    Args:
        first, second: One number per run of either group.

    Returns:
        The two-sided p value, or None for fewer than two runs in a group.
    """
    samples = [*finite_columns(first=first), *finite_columns(second=second)]
    return _permutation_p_value(samples, "independent", lambda one, two, axis: np.mean(one, axis) - np.mean(two, axis))


def compare_paired(treated: ArrayLike, control: ArrayLike) -> float | None:
    """Compare runs with their controls, pair by pair, by the two-sided sign-flip permutation test of the mean.

    It is exact up to 17 pairs, of more 200,000 flips are drawn; of n pairs p is at least 2 / 2^n (Fisher 1935, The
    Design of Experiments, section 21).

    Args:
        treated, control: One number per run, the pairs (runs of the same seeds) in the same order.

    Returns:
        The two-sided p value, or None for fewer than two pairs.
    """
    treated, control = finite_columns(treated=treated, control=control)
    return _permutation_p_value([treated - control], "samples", np.mean)


def critical_capacity(num_parameters: ArrayLike, rates: ArrayLike) -> CriticalCapacity:
    """Size at which a rate (recall, extrapolation) crosses one half: a logistic fit in the logarithm of the size.

    In place of the fit (Papke & Wooldridge 1996, J. Appl. Econom. 11, 619) there are brackets if there are fewer than
    8 sizes, if the mean rate rises above one half and falls again (or the other way), if the fit crosses it outside of
    the sizes, or if the data separate: right and wrong answers lie apart, at most one size holding both, so that a
    curve fits the better the steeper it is (Albert & Anderson 1984, Biometrika 71, 1). A bracket is the two sizes
    between which the mean rate crosses one half; if it never does, (largest, inf) or (0, smallest).

    The interval resamples runs within each size, one fewer than there are or it would be too narrow (Rao & Wu 1988,
    J. Am. Stat. Assoc. 83, 231). It is None if a size has a single run, or if more than 5 % of the resamples separate
    or turn the other way: the others would not stand for all. An end of it outside the sizes is 0 or inf.

    Args:
        num_parameters: Size of the model, above 0, one per run; replicates share a size.
        rates: The run's rate, between 0 and 1.

    Returns:
        Estimate in parameters, slope in logits per natural logarithm of the size, bootstrap 95 % interval, brackets
        (None for what is not given), and the direction of the trend, "rising" where there is none.
    """
    sizes, rates = finite_columns(num_parameters=num_parameters, rates=rates)
    if sizes.min() <= 0 or rates.min() < 0 or rates.max() > 1:
        raise ValueError(f"Expected positive sizes and rates between 0 and 1; got {num_parameters} and {rates}.")
    # What differs from 0 or 1 by rounding alone must not pass for an answer that hinders separation.
    sizes_K, rates = np.unique(sizes), np.round(rates, 9)
    runs_K = [rates[sizes == size] for size in sizes_K]
    num_runs_K, rates_K = np.array([len(runs) for runs in runs_K]), np.array([runs.mean() for runs in runs_K])
    log_sizes_K = np.log(sizes_K)
    # The sign of the fitted slope is that of the covariance, which is known even where there is no fit.
    direction = "falling" if (np.log(sizes) - np.log(sizes).mean()) @ rates < -1e-9 else "rising"
    above_K = rates_K >= 0.5
    if len(sizes_K) >= 8 and (above_K[0] != above_K[-1] or len(set(above_K)) == 1):
        [crossing], [slope] = _fit_logistic(log_sizes_K, rates_K[None], num_runs_K)
        if log_sizes_K[0] <= crossing <= log_sizes_K[-1]:
            interval = _interval_of_crossing(log_sizes_K, runs_K, slope) if num_runs_K.min() > 1 else None
            return CriticalCapacity(float(np.exp(crossing)), float(slope), interval, (), direction)
    crossings = np.flatnonzero(above_K[1:] != above_K[:-1]).tolist()
    if not crossings:
        crossings = [len(sizes_K) - 1] if above_K[0] == (direction == "falling") else [-1]
    edges = [0.0, *sizes_K.tolist(), np.inf]
    return CriticalCapacity(None, None, None, tuple((edges[k + 1], edges[k + 2]) for k in crossings), direction)


def first_lasting(steps: Sequence[int], reached: Sequence[bool], in_a_row: int = 3) -> int | None:
    """First of several evaluations in a row that reached a criterion: T_fit, T_grok.

    Args:
        steps: Steps of the evaluations, in order.
        reached: Whether each reached the criterion.
        in_a_row: How many must, one after the other.

    Returns:
        The step of the first of them, or None: then the run is censored at its last step, not dropped.
    """
    if len(steps) != len(reached):
        raise ValueError(f"Expected one verdict per step; got {len(steps)} steps and {len(reached)} verdicts.")
    return next((steps[i] for i in range(len(steps) - in_a_row + 1) if all(reached[i : i + in_a_row])), None)


def median_time(durations: ArrayLike, reached: Sequence[bool]) -> MedianTime:
    """Median time to reach something, of runs of which some never did: where the Kaplan-Meier curve is at one half.

    Args:
        durations: When each run got there or, if it did not, its last step.
        reached: Whether it got there; a run that did not is censored, never left out.

    Returns:
        The first time at which at most half of the runs are still under way, and its 95 % interval: where the ends of
        the curve's log-log interval get there (Brookmeyer & Crowley 1982, Biometrics 38, 29). None for what does not.
    """
    durations, reached = finite_columns(durations=durations, reached=reached)
    survival = ecdf(CensoredData(uncensored=durations[reached > 0], right=durations[reached == 0])).sf
    with warnings.catch_warnings():
        # Where the curve is 1 or 0 it has no interval but NaN, which is not below one half either.
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = survival.confidence_interval(method="log-log")
    times = [curve.quantiles[curve.probabilities <= 0.5 + 1e-12] for curve in (survival, *interval)]
    median, low, high = (float(down[0]) if len(down) else None for down in times)
    return MedianTime(median, (low, high))


def _permutation_p_value(samples: Sequence[Any], permutation_type: str, statistic: Callable[..., Any]) -> float | None:
    if min(len(sample) for sample in samples) < 2:
        return None
    scale = max(np.abs(sample).max() for sample in samples) or 1.0
    test = permutation_test(
        samples,
        # Scaled and rounded: means that differ only by the rounding of their terms are ties.
        lambda *drawn, axis: np.round(statistic(*drawn, axis=axis) / scale, 12),
        permutation_type=permutation_type,
        n_resamples=NUM_PERMUTATIONS,
        batch=NUM_DRAWS,
        random_state=np.random.default_rng(SEED),
    )
    return float(test.pvalue)


def _fit_logistic(log_sizes_K: np.ndarray, rates_DK: np.ndarray, num_runs_K: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Crossings and slopes of D fits by Newton's method; NaN where the data separate, or all but."""
    right_DK, wrong_DK = (np.where(some, log_sizes_K, np.nan) for some in (rates_DK > 0, rates_DK < 1))
    overlap_D = np.fmin.reduce(right_DK, axis=1) < np.fmax.reduce(wrong_DK, axis=1)
    overlap_D &= np.fmin.reduce(wrong_DK, axis=1) < np.fmax.reduce(right_DK, axis=1)
    design_K2 = np.stack([np.ones_like(log_sizes_K), log_sizes_K], axis=1)
    coefficients_D2 = np.where(overlap_D[:, None], [0.0, 0.0], np.nan)
    for _ in range(200):
        fitted_DK = expit(coefficients_D2[overlap_D] @ design_K2.T)
        gradient_D2 = (num_runs_K * (rates_DK[overlap_D] - fitted_DK)) @ design_K2
        hessian_D22 = np.einsum("dk,ki,kj->dij", num_runs_K * fitted_DK * (1 - fitted_DK), design_K2, design_K2)
        newton_D2 = np.linalg.solve(hessian_D22, gradient_D2[..., None])[..., 0]
        change_D = np.abs(newton_D2 @ design_K2.T).max(axis=1)
        # A longer step might end where the curve is flat at every size, and no step leads back.
        coefficients_D2[overlap_D] += newton_D2 / np.maximum(change_D / 8, 1)[:, None]
        if change_D.max(initial=0) < 1e-6:
            break
    coefficients_D2[overlap_D] *= np.where(change_D < 1e-6, 1, np.nan)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return -coefficients_D2[:, 0] / coefficients_D2[:, 1], coefficients_D2[:, 1]


def _interval_of_crossing(log_sizes_K: np.ndarray, runs_K: Sequence[Any], slope: float) -> tuple[float, ...] | None:
    rng = np.random.default_rng(SEED)
    draws_KD = [rng.choice(runs, (NUM_DRAWS, len(runs) - 1)).mean(axis=1) for runs in runs_K]
    crossing_D, slope_D = _fit_logistic(log_sizes_K, np.stack(draws_KD, axis=1), [len(runs) for runs in runs_K])
    crossing_D = crossing_D[np.sign(slope_D) == np.sign(slope)]
    if len(crossing_D) < 0.95 * NUM_DRAWS:
        return None
    crossing_D[crossing_D < log_sizes_K[0]], crossing_D[crossing_D > log_sizes_K[-1]] = -np.inf, np.inf
    # An end is one of the draws: between a number and inf nothing can be interpolated.
    return tuple(np.exp(np.quantile(crossing_D, (0.025, 0.975), method="inverted_cdf")).tolist())
