"""Each figure against a published example, a full enumeration or a second path."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from hf_capacity.analysis.statistics import (
    compare_independent,
    compare_paired,
    critical_capacity,
    first_lasting,
    median_time,
    wilson_interval,
)


# Days that mice lived after surgery: Efron & Tibshirani 1993, An Introduction to the Bootstrap, table 2.1.
MICE, UNTREATED_MICE = [94, 197, 16, 38, 99, 141, 23], [52, 104, 146, 10, 51, 30, 40, 27, 46]
# By how many eighths of an inch the crossed of two maize plants was taller: Darwin's, in Fisher 1935, chapter III.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Log10 dose, beetles, killed: Bliss 1935, in Dobson & Barnett 2018, An Introduction to Generalized Linear Models.
BEETLES = [
    (1.6907, 59, 6), (1.7242, 60, 13), (1.7552, 62, 18), (1.7842, 56, 28),
    (1.8113, 63, 52), (1.8369, 59, 53), (1.8610, 62, 61), (1.8839, 60, 60),
]  # fmt: skip
# Weeks in remission: Freireich et al. 1963, in Cox & Oakes 1984, Analysis of Survival Data, p. 7.
RELAPSED, STILL_WELL = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

SIZES = 1000 * 2 ** np.arange(10)


def test_wilson_intervals():
    # Newcombe 1998, Stat. Med. 17, 857, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    # The formula, with z = 1.959964.
    z, n, share = 1.959964, 50, 0.08
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    expected = ((middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n))
    assert wilson_interval(4, 50) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"k \(5\)"):
        wilson_interval(5, 4)


def test_independent_groups_are_dealt_in_every_way():
    sums = [sum(dealt) for dealt in itertools.combinations(MICE + UNTREATED_MICE, 7)]
    as_large = sum(total >= sum(MICE) for total in sums)
    assert compare_independent(MICE, UNTREATED_MICE) == pytest.approx(2 * as_large / 11_440)
    assert compare_independent([0] * 5, [1] * 5) == pytest.approx(2 / 252)
    assert compare_independent([0.5] * 3, [0.5] * 4) == 1
    assert compare_independent([1], [2, 3]) is None


def test_the_permutation_test_is_fishers():
    # Fisher 1935, section 21: in 863 of the 2^15 sign patterns the sum is as great as the observed 314.
    assert sum(np.dot(signs, MAIZE) >= 314 for signs in itertools.product((1, -1), repeat=15)) == 863
    control = np.arange(15)
    assert compare_paired(control + MAIZE, control) == 2 * 863 / 2**15


def test_of_many_pairs_flips_are_drawn():
    differences = np.random.default_rng(0).normal(0.3, 1, size=20)
    signs = 1 - 2 * ((np.arange(2**20)[:, None] >> np.arange(20)) & 1).astype(np.int8)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-9))
    assert compare_paired(differences, np.zeros(20)) == pytest.approx(exact, abs=0.003)


def test_edges_of_the_paired_comparison():
    assert compare_paired([0.5, 0.7], [0.5, 0.7]) == 1
    assert compare_paired([3], [1]) is None
    assert compare_paired([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]) == 2 / 2**5
    # Their sum is 0, but not in floating point.
    assert compare_paired([-0.2, -0.3, 0.1, 0.3, 0.2, -0.1], [0] * 6) == 1
    for treated, control in (([], []), ([1, 2], [1]), ([1, np.nan], [1, 2])):
        with pytest.raises(ValueError, match=r"same runs.*treated.*control"):
            compare_paired(treated, control)


def test_the_logistic_fit_is_that_of_the_textbook():
    # Dobson & Barnett: intercept -60.72 and slope 34.27 per decade of the dose.
    doses = [10**dose for dose, beetles, _ in BEETLES for _ in range(beetles)]
    killed = [beetle < number for _, beetles, number in BEETLES for beetle in range(beetles)]
    fit = critical_capacity(doses, killed)
    assert fit.slope * np.log(10) == pytest.approx(34.27, abs=0.005)
    assert np.log10(fit.estimate) * fit.slope * np.log(10) == pytest.approx(60.72, abs=0.005)
    assert fit.interval[0] < fit.estimate < fit.interval[1]
    assert (fit.brackets, fit.direction) == ((), "rising")


@pytest.mark.parametrize("slope", [2.0, -1.5])
def test_the_fit_finds_the_parameters_the_data_were_drawn_with(slope):
    rng = np.random.default_rng(4)
    sizes = np.repeat(SIZES, 3)
    rates = rng.binomial(50, expit(slope * np.log(sizes / 20_000) + rng.normal(0, 0.5, size=len(sizes)))) / 50
    fit = critical_capacity(sizes, rates)
    assert fit.interval[0] < 20_000 < fit.interval[1] < 2 * fit.interval[0]
    assert fit.slope == pytest.approx(slope, rel=0.2)
    mirrored = critical_capacity(sizes, 1 - rates)
    assert mirrored[:2] == pytest.approx((fit.estimate, -fit.slope))
    assert mirrored.interval == pytest.approx(fit.interval)
    assert {fit.direction, mirrored.direction} == {"rising", "falling"}

    def minus_log_likelihood(coefficients):
        logits = coefficients[0] + coefficients[1] * np.log(sizes / 1000)
        return np.sum(np.logaddexp(0, logits) - rates * logits)

    level, steepness = minimize(minus_log_likelihood, [0, 0], tol=1e-10).x
    assert fit[:2] == pytest.approx((1000 * np.exp(-level / steepness), steepness), rel=1e-4)

    # The delta method, with the unbiased variance of the runs of each size.
    distance = np.log(sizes / fit.estimate)
    gradient = np.stack([np.full(len(sizes), -fit.slope), distance])
    chance = expit(fit.slope * distance)
    variance = np.repeat(rates.reshape(10, 3).var(axis=1, ddof=1), 3)
    inverse = np.linalg.inv(gradient * chance * (1 - chance) @ gradient.T)
    error = np.sqrt((inverse @ (gradient * variance @ gradient.T) @ inverse)[0, 0])
    assert np.diff(np.log(fit.interval)) == pytest.approx(2 * 1.96 * error, rel=0.1)


@pytest.mark.parametrize(
    ("rates", "brackets", "direction"),
    [
        ([0] * 6 + [1] * 4, (32_000, 64_000), "rising"),
        # Quasi-separated: one size holds right and wrong answers.
        ([0] * 5 + [0.3] + [1] * 4, (32_000, 64_000), "rising"),
        ([0] * 5 + [0.5] + [1] * 4, (16_000, 32_000), "rising"),
        ([1] * 5 + [0.5] + [0] * 4, (32_000, 64_000), "falling"),
        ([0] * 4 + [1e-12, 1 - 1e-12] + [1] * 4, (16_000, 32_000), "rising"),
        # Never there, or there from the first; with data that do not separate, and with a flat curve.
        ([0] * 10, (512_000, np.inf), "rising"),
        ([1] * 10, (0, 1000), "rising"),
        (np.linspace(0, 0.4, 10), (512_000, np.inf), "rising"),
        (np.linspace(0.9, 0.6, 10), (512_000, np.inf), "falling"),
        (np.linspace(0.6, 0.9, 10), (0, 1000), "rising"),
        (np.linspace(0.4, 0.1, 10), (0, 1000), "falling"),
        # Up and down again: neither a rising nor a falling curve.
        ([0.6] + [0.4] * 8 + [0.6], [(1000, 2000), (256_000, 512_000)], "rising"),
        ([0.2, 0.8, 0.8, 0.3] + [0.1] * 6, [(1000, 2000), (4000, 8000)], "falling"),
        ([0, 0.1, 0.3, 0.6, 0.5, 0.9, 1], (4000, 8000), "rising"),
        ([0, 0.6, 0.3, 0.6, 1], [(1000, 2000), (2000, 4000), (4000, 8000)], "rising"),
        ([0.2], (1000, np.inf), "rising"),
    ],
)
def test_brackets_stand_where_no_fit_can(rates, brackets, direction):
    expected = (None, None, None, tuple(brackets) if isinstance(brackets, list) else (brackets,), direction)
    sizes = SIZES[: len(rates)]
    assert critical_capacity(sizes, rates) == expected
    twice, order = np.repeat(rates, 2), np.random.default_rng(0).permutation(2 * len(rates))
    assert critical_capacity(np.repeat(sizes, 2)[order], twice[order]) == expected


def test_where_the_interval_of_a_fit_ends():
    overlapping = [0, 0, 0, 0.2, 0, 0.8, 1, 0.7, 1, 1]
    assert critical_capacity(SIZES, overlapping).interval is None
    # Of noise, the resamples turn either way.
    assert critical_capacity(np.repeat(SIZES, 3), np.random.default_rng(0).random(30)).interval is None
    # At two sizes one run goes against the rest: most resamples lack one of the two, and separate.
    runs = np.array([[0] * 3] * 4 + [[0, 0, 1], [0, 1, 1]] + [[1] * 3] * 4)
    separable = critical_capacity(np.repeat(SIZES, 3), runs.ravel())
    assert separable.estimate == pytest.approx(np.sqrt(16_000 * 32_000))
    assert separable.interval is None
    # Runs that differ so much that the crossing may lie beyond the largest size.
    rates = np.stack([np.linspace(0.0, 0.3, 10), np.linspace(0.1, 0.55, 10), np.linspace(0.2, 0.9, 10)], axis=1)
    wide = critical_capacity(np.repeat(SIZES, 3), rates.ravel())
    assert 1000 < wide.interval[0] < wide.estimate < 512_000
    assert wide.interval[1] == np.inf


def test_nearly_separated_data_are_fitted():
    # Logits of -18 and 18 at neighbouring sizes, of up to 166 at the others.
    fit = critical_capacity(SIZES, [0] * 4 + [1e-8, 1 - 1e-8] + [1] * 4)
    assert fit.estimate == pytest.approx(np.sqrt(16_000 * 32_000), rel=1e-4)
    assert fit.slope == pytest.approx(2 * np.log(1e8) / np.log(2), rel=1e-4)
    # A full step of Newton's method would end where every fitted rate is 0 or 1.
    logs, runs = [0.531, 0.63, 0.827, 0.838, 1.215, 1.227, 1.46, 1.467], [15, 57, 56, 59, 56, 1, 21, 56]
    uneven = critical_capacity(np.repeat(np.exp(logs), runs), np.repeat([0, 0, 0, 0, 0.02, 0.5, 1, 1], runs))
    assert uneven[:2] == pytest.approx((np.exp(1.227), np.log(49) / 0.012), rel=1e-3)


def test_wrong_sizes_and_rates_are_refused():
    for sizes, rates in (([1, 2], [0.5]), ([], []), ([1, 2], [0.5, np.nan]), ([1, 0], [0.5, 0.5]), ([1, 2], [0, 2])):
        with pytest.raises(ValueError, match=r"^Expected (finite numbers of the same runs|positive sizes and rates)"):
            critical_capacity(sizes, rates)


def test_first_of_three_evaluations_in_a_row():
    steps, interrupted = [0, 250, 500, 750, 1000, 1250], [False, True, True, False, True, True]
    assert first_lasting(steps, interrupted) is first_lasting(steps[:2], [True, True]) is None
    assert first_lasting(steps, [False, True, False, True, True, True]) == 750
    assert first_lasting(steps, [True] * 6) == 0
    assert first_lasting(steps, interrupted, in_a_row=2) == 250
    with pytest.raises(ValueError, match="got 6 steps and 1 verdicts"):
        first_lasting(steps, [True])


def greenwood(durations, reached):
    """First times at which the Kaplan-Meier curve and its log-log limits are at most one half, by hand."""
    survival, variance, heights = 1.0, 0.0, {}
    for time in sorted({*durations}):
        at_risk = sum(duration >= time for duration in durations)
        events = sum(one == time and there for one, there in zip(durations, reached, strict=True))
        survival *= 1 - events / at_risk
        if 0 < survival < 1:
            variance += events / (at_risk * (at_risk - events))
            power = np.exp(-1.959964 * np.sqrt(variance) / np.log(survival))
            heights[time] = survival, survival**power, survival ** (1 / power)
    median, *ends = (next((time for time, at in heights.items() if at[curve] <= 0.5), None) for curve in range(3))
    return median, tuple(ends)


def test_the_median_time_is_the_published_one():
    # 23 weeks with 6-MP, 8 without: Kleinbaum & Klein 2012, Survival Analysis, chapter 2.
    treated, placebo = (RELAPSED + STILL_WELL, [True] * 9 + [False] * 12), (PLACEBO, [True] * 21)
    assert median_time(*treated) == greenwood(*treated) == (23, (13, None))
    assert median_time(*placebo) == greenwood(*placebo) == (8, (4, 11))


def test_edges_of_the_median_time():
    assert median_time([3000, 5000], [False, False]) == (None, (None, None))
    assert median_time([3000], [True]) == (3000, (None, None))
    assert median_time([1, 2, 3, 4], [True] * 4).estimate == 2
    assert median_time(range(9), [True] * 9) == greenwood(range(9), [True] * 9)
    with pytest.raises(ValueError, match="same runs"):
        median_time([1, 2], [True])
