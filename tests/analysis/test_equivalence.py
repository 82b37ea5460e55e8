"""Equivalence, Holm's adjustment and power, against published figures and second implementations."""

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from hf_capacity.analysis.equivalence import adjust_holm, cautious_variance, prove_difference, prove_equivalence
from hf_capacity.analysis.power import Design, detectable_difference, power, runs_needed


RNG = np.random.default_rng(14)
FIRST, SECOND = RNG.normal(0.5, 0.2, 12), RNG.normal(0.45, 0.1, 9)


def welch(first, second):
    terms = [(np.var(one, ddof=1) / len(one), len(one) - 1) for one in (first, second)]
    variance = sum(one for one, _ in terms)
    return np.mean(first) - np.mean(second), np.sqrt(variance), variance**2 / sum(one**2 / of for one, of in terms)


@pytest.mark.parametrize("margin", [0.02, 0.1, 0.2])
def test_equivalence_is_the_larger_of_two_one_sided_tests(margin):
    """Those of SciPy, which shifts one group by the margin and tests one side."""
    above = ttest_ind(FIRST + margin, SECOND, equal_var=False, alternative="greater").pvalue
    below = ttest_ind(FIRST - margin, SECOND, equal_var=False, alternative="less").pvalue
    assert prove_equivalence(*welch(FIRST, SECOND), margin) == pytest.approx(max(above, below))
    differences = FIRST[:9] - SECOND
    paired = (differences.mean(), differences.std(ddof=1) / 3, 8)
    above = ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = ttest_1samp(differences, margin, alternative="less").pvalue
    assert prove_equivalence(*paired, margin) == pytest.approx(max(above, below))


def test_a_difference_beyond_the_margin_is_proved_on_its_own_side():
    estimate, error, freedom = welch(FIRST + 1, SECOND)
    one_sided = ttest_ind(FIRST + 1 - 0.2, SECOND, equal_var=False, alternative="greater").pvalue
    assert prove_difference(estimate, error, freedom, 0.2) == pytest.approx(2 * one_sided)
    assert prove_difference(-estimate, error, freedom, 0.2) == pytest.approx(2 * one_sided)
    assert prove_difference(0.0, error, freedom, 0.2) == 1


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # The worked examples of pingouin.holm, of stdlib's padjust, and of Wikipedia on the Holm-Bonferroni method.
        ([0.50, 0.003, 0.32, 0.054, 0.0003], [0.64, 0.012, 0.64, 0.162, 0.0015]),
        ([0.319, 0.201, 0.4, 0.374, 0.113], [0.957, 0.804, 0.957, 0.957, 0.565]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([], []),
        ([0.04], [0.04]),
        ([0.02, None, 0.04], [0.06, None, 0.08]),  # what could not be tested was planned all the same
    ],
)
def test_holm_on_published_examples(p_values, adjusted):
    assert adjust_holm(p_values) == [None if one is None else pytest.approx(one) for one in adjusted]


def groups(sd, num_runs, **changes):
    return Design(sd * np.sqrt(2 / num_runs), 2 * (num_runs - 1), num_runs, is_paired=False, **changes)


def pairs(sd, num_runs, **changes):
    return Design(sd / np.sqrt(num_runs), num_runs - 1, num_runs, **changes)


@pytest.mark.parametrize(
    ("effect", "num_runs"),
    [(0.2, 393), (0.5, 64), (0.8, 26)],  # Cohen 1988, table 2.4.1: power 0.80 at two-sided 0.05
)
def test_power_is_cohens(effect, num_runs):
    design = groups(1, num_runs)
    assert power(effect, num_runs, design) == pytest.approx(0.80, abs=0.008)
    assert runs_needed(effect, design) == pytest.approx(num_runs, abs=1)
    assert runs_needed(effect, groups(1, 10)) == runs_needed(effect, design)  # whatever the pilot had
    assert detectable_difference(design) == pytest.approx(effect, abs=0.01)


@pytest.mark.parametrize(
    ("num_runs", "shift", "level"),
    [(6, 1.6, 0.05), (8, 1.2, 0.05), (8, 1.6, 0.0125), (9, 1.2, 0.0125), (10, 1.0, 0.025)],
)
def test_power_is_that_of_simulated_sign_flips(num_runs, shift, level):
    """Nearly: a t test at the level that so few flips can attain has a little more."""
    drawn = RNG.normal(shift, 1, (2_000, num_runs))
    flipped = np.abs(drawn @ np.array(list(itertools.product([1, -1], repeat=num_runs))).T)
    p_values = np.mean(flipped >= np.abs(drawn.sum(axis=1))[:, None] - 1e-9, axis=1)
    assert -0.03 <= power(shift, num_runs, pairs(1, num_runs, level=level)) - np.mean(p_values < level) <= 0.06


def test_power_is_that_of_simulated_groups():
    first, second = RNG.normal(0.6, 0.3, (4_000, 12)), RNG.normal(0.2, 0.3, (4_000, 12))
    found = np.mean(ttest_ind(first, second, axis=1).pvalue < 0.05)
    assert power(0.4, 12, groups(0.3, 12)) == pytest.approx(found, abs=0.025)


@pytest.mark.parametrize(("num_runs", "sd", "margin"), [(20, 0.3, 0.25), (30, 0.02, 0.1), (60, 0.4, 0.2)])
def test_power_of_equivalence_is_that_of_simulated_tests(num_runs, sd, margin):
    differences = RNG.normal(0, sd, (2_000, num_runs)).clip(-1, 1)
    found = [
        prove_equivalence(one.mean(), np.sqrt(cautious_variance(one, -1, 1)), num_runs - 1, margin) < 0.05
        for one in differences
    ]
    assert power(margin, num_runs, pairs(sd, num_runs, reach=1)) == pytest.approx(np.mean(found), abs=0.04)
    assert power(margin, num_runs, pairs(sd, 10, reach=1)) == pytest.approx(np.mean(found), abs=0.04)


def test_what_a_permutation_test_cannot_find_has_no_power():
    """Of five pairs the smallest p value is 2 / 2^5; of six it is below 0.05, but not below 0.05 / 2."""
    assert power(1, 5, pairs(0.1, 5)) == power(1, 6, pairs(0.1, 6, level=0.025)) == 0
    assert power(1, 6, pairs(0.1, 6)) == pytest.approx(1)
    assert detectable_difference(pairs(0.1, 5)) is None
    assert runs_needed(0.5, pairs(0.1, 5)) == 6
    assert power(1, 5, groups(0.1, 5)) == pytest.approx(1)  # 2 / 252


def test_what_would_take_too_many_runs_is_not_given():
    assert runs_needed(1e-4, pairs(1, 10)) is None
    assert detectable_difference(pairs(5, 10)) is None


def test_crossed_runs_grow_in_both_seeds_and_splits():
    design = Design(0.1, 4, 25, is_crossed=True)
    assert power(0.3, 100, design) == pytest.approx(power(0.3 * np.sqrt(2), 25, design._replace(degrees_of_freedom=8)))
