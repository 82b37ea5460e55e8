"""Intervals against published examples, closed forms and a second way to compute them."""

import numpy as np
import pytest
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from hf_capacity.analysis.intervals import (
    DIFFERENCE,
    RATE,
    crossed_interval,
    mean_interval,
    share_interval,
    variance_shares,
)


# Six targets, four judges, and the mean squares 11.24, 32.49 and 1.02: Shrout & Fleiss 1979, Psychol. Bull. 86, 420.
JUDGED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
# By how many eighths of an inch the crossed of two maize plants was taller: Darwin's, in Fisher 1935, chapter III.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_without_bounds_it_is_students():
    # Fisher 1935, section 19: mean 20.933, standard error 9.746, and 2.145 of it at 14 degrees of freedom.
    low, high = mean_interval(MAIZE)
    assert (low + high) / 2 == pytest.approx(20.933, abs=5e-4)
    assert (high - low) / 2 == pytest.approx(2.145 * 9.746, abs=5e-3)


@pytest.mark.parametrize("total", [5, 6, 10, 20, 45])
def test_of_runs_that_are_0_or_1_it_is_clopper_and_pearsons(total):
    for count in {0, 1, total // 3, total - 1, total}:
        exact = binomtest(count, total).proportion_ci(method="exact")
        assert share_interval(count, total) == pytest.approx(tuple(exact))
        assert mean_interval([1] * count + [0] * (total - count), RATE) == pytest.approx(tuple(exact), abs=1e-6)


def test_it_is_the_quantile_of_weighted_means():
    values = np.random.default_rng(1).random(7)
    weights = np.random.default_rng(0).dirichlet(np.ones(8), size=100_000)
    expected = [
        np.quantile(weights @ np.append(values, bound), at) for bound, at in zip(RATE, (0.025, 0.975), strict=True)
    ]
    assert mean_interval(values, RATE) == pytest.approx(expected, abs=4e-3)


def test_of_equal_runs_the_bound_is_exact():
    low, high = mean_interval([0.4] * 6, RATE)
    assert (low, high) == pytest.approx((0.4 * 0.025 ** (1 / 6), 1 - 0.6 * 0.025 ** (1 / 6)))
    # As large a chance to lie as high as 1 as leaves 2.5 % for six runs of 0.4.
    chance = (high - 0.4) / 0.6
    assert (1 - chance) ** 6 == pytest.approx(0.025)


def test_differences_have_half_a_run_at_either_bound():
    values = np.random.default_rng(1).uniform(-0.5, 1, size=7)
    weights = np.random.default_rng(0).dirichlet([*np.ones(7), 0.5, 0.5], size=100_000)
    expected = np.quantile(weights @ np.append(values, (-1, 1)), (0.025, 0.975))
    assert mean_interval(values, DIFFERENCE) == pytest.approx(tuple(expected), abs=8e-3)
    # Of runs at the bounds alone it is Jeffreys's: Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101.
    jeffreys = 2 * beta.ppf((0.025, 0.975), 3.5, 4.5) - 1
    assert mean_interval([1] * 3 + [-1] * 4, DIFFERENCE) == pytest.approx(tuple(jeffreys), abs=1e-6)
    low, high = mean_interval([0] * 6, DIFFERENCE)
    assert low == pytest.approx(-high)
    assert mean_interval([0.5] * 4, DIFFERENCE) is None
    with pytest.raises(ValueError, match="between -1 and 1"):
        mean_interval([0, 0, 0, 0, 2], DIFFERENCE)


def test_edges_of_the_interval_of_a_mean():
    assert mean_interval([]) is mean_interval([0.5] * 4) is mean_interval([0, 1, 0, 1], RATE) is None
    assert share_interval(4, 4) is None
    assert mean_interval([3.5] * 5) == (3.5, 3.5)
    assert mean_interval([1] * 5, RATE) == pytest.approx((0.025**0.2, 1))
    with pytest.raises(ValueError, match="finite numbers"):
        mean_interval([0.1, float("nan")])
    with pytest.raises(ValueError, match=r"between 0 and 1; got 0.2 to 1.5"):
        mean_interval([0.2, 0.3, 0.4, 0.5, 1.5], RATE)


def test_variance_shares_are_the_published_ones():
    # Shrout & Fleiss: a single rating of a random judge agrees by ICC(2, 1) = 0.29, which is the share of the targets.
    targets, judges, error = (11.24 - 1.02) / 4, (32.49 - 1.02) / 6, 1.02
    expected = np.array([targets, judges, error]) / (targets + judges + error)
    assert variance_shares(JUDGED) == pytest.approx(expected, abs=1e-3)
    assert variance_shares(JUDGED).seeds == pytest.approx(0.29, abs=5e-3)
    assert sum(variance_shares(JUDGED)) == pytest.approx(1)


def test_variance_shares_do_without_missing_runs():
    rng = np.random.default_rng(0)
    table_SP = rng.normal(0, 1, (200, 1)) + rng.normal(0, 2, (1, 200)) + rng.normal(0, 1, (200, 200))
    table_SP[rng.random(table_SP.shape) < 0.3] = np.nan
    # Two hundred of each leave the variances a standard error of a tenth.
    assert variance_shares(table_SP) == pytest.approx((1 / 6, 4 / 6, 1 / 6), abs=0.06)


def test_edges_of_variance_shares():
    assert variance_shares([[0.1, 0.2]]) is variance_shares(np.full((3, 3), 0.5)) is None
    # No seeds had two pairs.
    assert variance_shares([[1, np.nan], [np.nan, 2]]) is None
    # Rows alone differ: negative variances are 0.
    assert variance_shares([[0, 0], [1, 1]]) == (1, 0, 0)


def test_the_crossed_interval_is_worked_out_by_hand():
    # Of the mean of Shrout & Fleiss's ratings: (11.24 + 32.49 - 1.02) / 24, by Satterthwaite with 4.83 degrees.
    targets, judges, error = 11.2417, 32.4861, 1.0194
    variance = (targets + judges - error) / 24
    freedom = (targets + judges - error) ** 2 / (targets**2 / 5 + judges**2 / 3 + error**2 / 15)
    half = student.ppf(0.975, freedom) * variance**0.5
    assert freedom == pytest.approx(4.83, abs=0.01)
    assert crossed_interval(JUDGED) == pytest.approx((JUDGED.mean() - half, JUDGED.mean() + half), abs=1e-3)
    assert crossed_interval(JUDGED.T) == pytest.approx(crossed_interval(JUDGED))
    # Between 0 and 1 it reaches no less far than that, and than a mean of six.
    low_and_high = crossed_interval(JUDGED / 10, RATE)
    assert low_and_high[0] <= (JUDGED.mean() - half) / 10
    assert low_and_high[1] >= (JUDGED.mean() + half) / 10
    assert crossed_interval(np.full((2, 12), 0.25), RATE) == mean_interval([0.25] * 12, RATE)
    # Of no variance but the run's own there are as many runs as runs, but no more count than there are pairs.
    checkered = np.indices((2, 12)).sum(axis=0) % 2
    assert crossed_interval(checkered, RATE) == pytest.approx(share_interval(6, 12), abs=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_crossed_interval_stands_wherever_runs_are_missing(share):
    rng = np.random.default_rng(0)
    for _ in range(50):
        table_SP = np.where(rng.random((3, 8)) < share, np.nan, rng.integers(0, 5, size=(3, 8)) / 4)
        found = crossed_interval(table_SP, RATE)
        assert found is None or 0 <= found[0] < np.nanmean(table_SP) < found[1] <= 1


def test_edges_of_the_crossed_interval():
    for too_small in ([[0.1] * 6], [[0.1], [0.2]], np.eye(4), np.full((6, 6), np.nan)):
        assert crossed_interval(too_small) is None
    for wrong in ([0.1, 0.2], [[0.1, np.inf], [0.2, 0.3]]):
        with pytest.raises(ValueError, match="table of finite numbers"):
            crossed_interval(wrong)
