"""Ways to an interval of a mean, each of many data sets at once, for `interval_coverage.py` to choose among.

What was chosen is in `hf_capacity/analysis/intervals.py`, one data set at a time; a test compares the two. Shape
suffixes: D data sets, N runs, G values, B draws, S seeds, P pairs.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from hf_capacity.analysis.intervals import TAIL, variance_of_the_mean, variance_shares


NUM_DRAWS = 1_999
ENDS = np.array([TAIL, 1 - TAIL])
STEP = 0.4
TIMES_T = np.exp(np.arange(-14, 14 + STEP, STEP))
CHUNK = 500

Bounds = tuple[float, float] | None
Ends = tuple[np.ndarray, np.ndarray]


def percentile(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    return _percentiles(data_DN, _multinomial(data_DN.shape[1]))


def bca(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    """Efron 1987, J. Am. Stat. Assoc. 82, 171."""
    num_runs, mean_D1 = data_DN.shape[1], data_DN.mean(axis=1, keepdims=True)
    draws_DB = np.sort(data_DN @ _multinomial(num_runs).T / num_runs, axis=1)
    below_D = np.mean(draws_DB < mean_D1 - 1e-12, axis=1) + np.mean(np.abs(draws_DB - mean_D1) <= 1e-12, axis=1) / 2
    bias_D1 = norm.ppf(np.clip(below_D, 1 / NUM_DRAWS, 1 - 1 / NUM_DRAWS))[:, None]
    away_DN = data_DN - mean_D1
    spread_D = np.sum(away_DN**2, axis=1)
    acceleration_D1 = (np.sum(away_DN**3, axis=1) / (6 * np.maximum(spread_D, 1e-30) ** 1.5))[:, None]
    shifted_D2 = bias_D1 + norm.ppf(ENDS)
    at_D2 = norm.cdf(bias_D1 + shifted_D2 / (1 - acceleration_D1 * shifted_D2))
    index_D2 = np.clip(np.round(at_D2 * (NUM_DRAWS - 1)).astype(int), 0, NUM_DRAWS - 1)
    low_D, high_D = np.take_along_axis(draws_DB, index_D2, axis=1).T
    return low_D, high_D


def bootstrap_t(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    """Efron & Tibshirani 1993, section 12.5; what is drawn n times from one run lies infinitely far out."""
    num_runs, weights_BN = data_DN.shape[1], _multinomial(data_DN.shape[1])
    mean_D1, error_D = data_DN.mean(axis=1, keepdims=True), _error(data_DN)
    centred_DN = data_DN - mean_D1
    draws_DB = centred_DN @ weights_BN.T / num_runs
    squares_DB = np.maximum(centred_DN**2 @ weights_BN.T / num_runs - draws_DB**2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t_DB = np.where(squares_DB > 1e-15, draws_DB / np.sqrt(squares_DB / (num_runs - 1)), np.inf * draws_DB)
    t_D2 = np.quantile(np.nan_to_num(t_DB, nan=0.0, posinf=1e9, neginf=-1e9), ENDS, axis=1, method="nearest")
    return _within(mean_D1[:, 0] - t_D2[1] * error_D, mean_D1[:, 0] - t_D2[0] * error_D, bounds)


def students(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    half_D = student.ppf(1 - TAIL, data_DN.shape[1] - 1) * _error(data_DN)
    return _within(data_DN.mean(axis=1) - half_D, data_DN.mean(axis=1) + half_D, bounds)


def students_or_exact(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    return _or_exact(students(data_DN, bounds), data_DN, np.full(len(data_DN), data_DN.shape[1]), bounds)


def half_a_run(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    """As many draws of Dirichlet weights as data sets have of their own; half a run lies at each bound."""
    num_runs = data_DN.shape[1]
    weights_BN = np.random.default_rng(0).dirichlet([*np.ones(num_runs), 0.5, 0.5], size=NUM_DRAWS)
    ends_D2 = np.tile(np.array(bounds), (len(data_DN), 1))
    draws_DB = np.concatenate([data_DN, ends_D2], axis=1) @ weights_BN.T
    low_D, high_D = np.quantile(draws_DB, ENDS, axis=1)
    return low_D, high_D


def run_at_the_bound(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    """Learned-Miller & Thomas 2019, arXiv 1905.06208."""
    return _weighted_ends(data_DN, np.full(len(data_DN), data_DN.shape[1]), bounds)


def anderson(data_DN: np.ndarray, bounds: Bounds) -> Ends:
    """Anderson 1969: the mean of the highest, and of the lowest, distribution within Massart's one-sided band."""
    num_runs = data_DN.shape[1]
    margin = np.sqrt(np.log(1 / TAIL) / (2 * num_runs))
    left_N = np.diff(np.maximum(np.arange(num_runs + 1) / num_runs - margin, 0))
    data_DN = np.sort(data_DN, axis=1)
    low_D = data_DN @ left_N[::-1] + bounds[0] * (1 - left_N.sum())
    return low_D, data_DN @ left_N + bounds[1] * (1 - left_N.sum())


def pigeonhole(data_DSP: np.ndarray) -> Ends:
    rng, (_, num_seeds, num_pairs) = np.random.default_rng(0), data_DSP.shape
    times_BS, times_BP = (rng.multinomial(n, np.full(n, 1 / n), size=NUM_DRAWS) for n in (num_seeds, num_pairs))
    weights_BN = (times_BS[:, :, None] * times_BP[:, None, :]).reshape(NUM_DRAWS, -1)
    return _percentiles(data_DSP.reshape(len(data_DSP), -1), weights_BN)


def hierarchical(data_DSP: np.ndarray) -> Ends:
    rng, (_, num_seeds, num_pairs) = np.random.default_rng(0), data_DSP.shape
    times_BP = rng.multinomial(num_pairs, np.full(num_pairs, 1 / num_pairs), size=NUM_DRAWS)
    times_BPS = rng.multinomial(num_seeds * times_BP, np.full(num_seeds, 1 / num_seeds))
    weights_BN = times_BPS.transpose(0, 2, 1).reshape(NUM_DRAWS, -1)
    return _percentiles(data_DSP.reshape(len(data_DSP), -1), weights_BN)


def of_tables(data_DSP: np.ndarray, bounds: Bounds) -> dict[str, Ends]:
    """All candidates of crossed tables at once, since they share what takes long."""
    variance_D, freedom_D = np.array([variance_of_the_mean(table_SP) for table_SP in data_DSP]).T
    mean_D, half_D = data_DSP.mean(axis=(1, 2)), student.ppf(1 - TAIL, freedom_D) * np.sqrt(variance_D)
    found = {
        "pigeonhole": pigeonhole(data_DSP),
        "hierarchical": hierarchical(data_DSP),
        "t": _within(mean_D - half_D, mean_D + half_D, bounds),
    }
    if bounds is None:
        return found
    data_DN, num_effective_D = data_DSP.reshape(len(data_DSP), -1), _effective_runs(data_DSP)
    found["t or exact"] = _or_exact(found["t"], data_DN, num_effective_D, bounds)
    found["run at the bound"] = _weighted_ends(data_DN, num_effective_D, bounds)
    capped = _weighted_ends(data_DN, np.minimum(num_effective_D, max(data_DSP.shape[1:])), bounds)
    found["run at the bound, capped"] = capped
    found["wider"] = np.minimum(found["t"][0], capped[0]), np.maximum(found["t"][1], capped[1])
    return found


def of_means(data_DN: np.ndarray, bounds: Bounds) -> dict[str, Ends]:
    """All candidates of independent runs that serve values with such bounds, or without."""
    return {name: find(data_DN, bounds) for name, find in OF_MEANS.items() if bounds or name not in NEED_BOUNDS}


OF_MEANS: dict[str, Callable[[np.ndarray, Bounds], Ends]] = {
    "percentile": percentile,
    "BCa": bca,
    "bootstrap-t": bootstrap_t,
    "t": students,
    "t or exact": students_or_exact,
    "half a run": half_a_run,
    "run at the bound": run_at_the_bound,
    "Anderson": anderson,
}
NEED_BOUNDS = ("t or exact", "half a run", "run at the bound", "Anderson")


def _multinomial(num_runs: int) -> np.ndarray:
    return np.random.default_rng(0).multinomial(num_runs, np.full(num_runs, 1 / num_runs), size=NUM_DRAWS)


def _percentiles(data_DN: np.ndarray, weights_BN: np.ndarray) -> Ends:
    low_D, high_D = np.quantile(data_DN @ weights_BN.T / data_DN.shape[1], ENDS, axis=1)
    return low_D, high_D


def _error(data_DN: np.ndarray) -> np.ndarray:
    return data_DN.std(axis=1, ddof=1) / np.sqrt(data_DN.shape[1])


def _within(low_D: np.ndarray, high_D: np.ndarray, bounds: Bounds) -> Ends:
    return (low_D, high_D) if bounds is None else (np.maximum(low_D, bounds[0]), np.minimum(high_D, bounds[1]))


def _or_exact(ends: Ends, data_DN: np.ndarray, num_effective_D: np.ndarray, bounds: Bounds) -> Ends:
    equal_D, value_D, chance_D = np.ptp(data_DN, axis=1) == 0, data_DN[:, 0], 1 - TAIL ** (1 / num_effective_D)
    exact = (value_D + chance_D * (bound - value_D) for bound in bounds)
    low_D, high_D = (np.where(equal_D, *pair) for pair in zip(exact, ends, strict=True))
    return low_D, high_D


def _effective_runs(data_DSP: np.ndarray) -> np.ndarray:
    """The variance of a run over that of the mean; of equal runs, the larger number of seeds or pairs."""
    shares = [(variance_shares(table_SP), table_SP) for table_SP in data_DSP]
    larger = max(data_DSP.shape[1:])
    return np.array([larger if found is None else 1 / found.of_mean(table_SP) for found, table_SP in shares])


def _weighted_ends(data_DN: np.ndarray, num_effective_D: np.ndarray, bounds: Bounds) -> Ends:
    """Both ends, from below as from above; data sets that are the same are worked out once."""
    low, high = bounds
    rows = np.concatenate([np.round(num_effective_D, 2)[:, None], np.sort(data_DN, axis=1)], axis=1)
    rows, inverse = np.unique(rows, axis=0, return_inverse=True)
    values_DG, weights_DG = _gathered(rows[:, 1:], rows[:, 0])
    lows, highs = [], []
    for start in range(0, len(rows), CHUNK):
        values, weights = values_DG[start : start + CHUNK], weights_DG[start : start + CHUNK]
        lows.append(-_upper_ends(-values, weights, -low))
        highs.append(_upper_ends(values, weights, high))
    return np.concatenate(lows)[inverse.ravel()], np.concatenate(highs)[inverse.ravel()]


def _gathered(data_DN: np.ndarray, num_effective_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and their weights, which sum to the effective number of runs; few values are counted."""
    support_G = np.unique(data_DN)
    if len(support_G) < data_DN.shape[1]:
        counts_DG = np.stack([np.sum(data_DN == value, axis=1) for value in support_G], axis=1)
        values_DG = np.broadcast_to(support_G, counts_DG.shape)
    else:
        values_DG, counts_DG = data_DN, np.ones_like(data_DN)
    return values_DG, counts_DG * (num_effective_D / data_DN.shape[1])[:, None]


def _upper_ends(values_DG: np.ndarray, weights_DG: np.ndarray, bound: float) -> np.ndarray:
    """As `_upper_end` of `intervals.py`, halving where the end may lie until it is known to 1/2048 of that."""
    present_DG = np.where(weights_DG > 0, values_DG, bound)
    values_DG = np.concatenate([values_DG, np.full((len(values_DG), 1), bound)], axis=1)
    weights_DG = np.concatenate([weights_DG, np.ones((len(weights_DG), 1))], axis=1)
    low_D, high_D = present_DG.min(axis=1), np.full(len(values_DG), bound)
    for _ in range(11):
        mean_D = (low_D + high_D) / 2
        scales_DG = (values_DG - mean_D[:, None]) / (bound - low_D + 1e-12)[:, None]
        logs_DT, angles_DT = np.zeros((2, len(values_DG), len(TIMES_T)))
        for scale_D, weight_D in zip(scales_DG.T, weights_DG.T, strict=True):
            terms_DT = scale_D[:, None] * TIMES_T
            logs_DT += weight_D[:, None] * np.log1p(terms_DT**2)
            angles_DT += weight_D[:, None] * np.arctan(terms_DT)
        chance_D = 0.5 - STEP / np.pi * np.sum(np.exp(-logs_DT / 2) * np.sin(angles_DT), axis=1)
        low_D, high_D = np.where(chance_D < 1 - TAIL, mean_D, low_D), np.where(chance_D < 1 - TAIL, high_D, mean_D)
    return (low_D + high_D) / 2
