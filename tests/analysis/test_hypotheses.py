"""Hypotheses of a study tested on made records, against counts by hand and a second way to compute them."""

import itertools
import re

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.equivalence import cautious_variance, prove_equivalence
from hf_capacity.analysis.hypotheses import assess_hypotheses
from hf_capacity.analysis.trend import change_weights, trend_p_value
from hf_capacity.config.arms import Arms
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.hypotheses import Hypothesis


WAYS = {"plain": {}, "lines": {"batches": "lines"}}
ARMS = Arms.of({"way": WAYS}, {"task": "arithmetic"})
LINES, PLAIN = ({"way": way, "model": "n14"} for way in ("lines", "plain"))
HELPS = {"name": "lines help", "rate": "extrapolation", "compare": (LINES, PLAIN), "smallest_difference": 0.2}
FALLS = {"name": "falls", "rate": "extrapolation", "trend": {"way": "plain"}, "smallest_difference": 0.3}
HIGHER = Hypothesis(**HELPS, expect="higher")
SAME = Hypothesis(**HELPS, expect="same")


def record_of(rate, seeds, way="plain", model="n14", **changes):
    names = ("split_seed", "model_seed", "data_seed")
    settings = {"task": "arithmetic", "model": model, "block_size": 9, "batch_size": 8, **WAYS[way], **changes}
    config = ExperimentConfig(**settings, **dict(zip(names, seeds, strict=True)))
    subtraction = {"seen": [90, 98], "unseen": [0, 2]}
    kinds = {"addition": {"seen": [98, 98], "unseen": [round(2 * rate), 2]}, "subtraction": subtraction}
    counts = {"fit": [188, 196], "extrapolation": [round(4 * rate), 4]}
    last = {"step": config.steps, "fit": 1.0, "extrapolation": rate, "counts": counts, "kinds": kinds}
    return {"config": config.to_dict(), "num_parameters": 100 * config.model.n_embd, "last": last}


def records_of(rates, way="plain", model="n14", first_seed=1, **changes):
    return [record_of(rate, (seed,) * 3, way, model, **changes) for seed, rate in enumerate(rates, first_seed)]


def crossed(rates_SP, way):
    places = itertools.product(range(rates_SP.shape[0]), range(rates_SP.shape[1]))
    return [record_of(float(rates_SP[s, p]), (p, s, s), way) for s, p in places]


def run_tests(hypotheses, *records):
    return assess_hypotheses(hypotheses, cells_of([record for some in records for record in some], ARMS))


def run_test(hypothesis, *records):
    [tested] = run_tests([hypothesis], *records)
    return tested


def test_runs_that_share_seeds_are_compared_in_pairs():
    tested = run_test(HIGHER, records_of([1, 1, 1, 1, 0.75, 1], "lines"), records_of([0, 0.25, 0, 0.5, 0, 0]))
    assert (tested.is_paired, tested.num_runs) == (True, (6, 6))
    assert [cell.arms[0].name for cell in tested.groups] == ["lines", "plain"]
    assert tested.difference.value == pytest.approx((1 + 0.75 + 1 + 0.5 + 0.75 + 1) / 6)
    assert tested.p_value == tested.adjusted_p_value == 2 / 2**6
    assert tested.verdict == "supported"
    low, high = tested.difference.interval
    assert -0.1 < low < tested.difference.value < high <= 1  # of numbers of which only the bounds are known


def test_only_shared_seeds_are_compared_where_there_are_five_or_more():
    control = records_of([0, 0.25, 0, 0.5, 0, 0, 1, 1])
    tested = run_test(HIGHER, records_of([1] * 6, "lines"), control)
    assert (tested.is_paired, tested.num_runs, tested.difference.value) == (True, (6, 6), pytest.approx(1 - 0.125))
    tested = run_test(HIGHER, records_of([1] * 6, "lines", first_seed=5), control)
    assert (tested.is_paired, tested.num_runs, tested.difference.value) == (False, (6, 8), 1 - 2.75 / 8)


def test_runs_of_other_seeds_are_independent():
    tested = run_test(HIGHER, records_of([1] * 5, "lines"), records_of([0.0] * 4 + [0.25], first_seed=11))
    assert (tested.is_paired, tested.num_runs) == (False, (5, 5))
    assert tested.p_value == pytest.approx(2 / 252)
    assert tested.verdict == "supported"
    assert 0 < tested.difference.interval[0] < tested.difference.value < tested.difference.interval[1]


def test_what_is_significant_the_other_way_is_opposed_and_what_is_not_is_open():
    low, high = records_of([0] * 6, "lines"), records_of([1, 1, 1, 0.75, 1, 1])
    assert run_test(HIGHER, low, high).verdict == "opposed"
    assert run_test(Hypothesis(**HELPS, expect="lower"), low, high).verdict == "supported"
    assert run_test(Hypothesis(**HELPS, expect="different"), low, high).verdict == "supported"
    tested = run_test(HIGHER, records_of([0, 1, 0, 1, 0, 1], "lines"), records_of([1, 0, 0.25, 0.5, 0.75, 0]))
    assert tested.verdict == "open"
    assert tested.detectable_difference is None  # none that there can be
    assert 12 < tested.runs_needed < 50  # of 0.5


def test_what_open_runs_could_have_shown_and_what_it_takes():
    """80 % power at the size found, and for half of it in the number of runs: by simulation of t tests."""
    rng = np.random.default_rng(1)
    rates = rng.choice([0, 0.25, 0.5, 0.75, 1], (2, 12), p=[0.1, 0.2, 0.4, 0.2, 0.1])
    tested = run_test(HIGHER, records_of(rates[0].tolist(), "lines"), records_of(rates[1].tolist()))
    spread = np.std(rates[0] - rates[1], ddof=1)
    for num_runs, shift in ((12, 1), (tested.runs_needed, 0.5)):
        drawn = rng.normal(shift * tested.detectable_difference, spread, (4_000, num_runs))
        assert np.mean(ttest_rel(drawn, 0 * drawn, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.03)
    assert tested.seeds_needed == tested.runs_needed > 24


def test_sameness_is_supported_within_the_margin_opposed_beyond_it_and_else_open():
    fits = np.random.default_rng(2).normal(0.9, 0.01, (2, 16)).round(3)
    control = records_of(fits[1].tolist())
    assert run_test(SAME, records_of(fits[0].tolist(), "lines"), control).verdict == "supported"
    assert run_test(SAME, records_of((fits[0] - 0.5).tolist(), "lines"), control).verdict == "opposed"
    assert run_test(SAME, records_of([0, 1, 0, 1] * 4, "lines"), control).verdict == "open"


def test_runs_that_are_all_alike_prove_sameness_no_better_than_their_number():
    """As if there were two runs more with each of the largest differences, 1 and -1: of six, 4 / 10 / 10."""
    tested = run_test(SAME, records_of([1] * 6, "lines"), records_of([1] * 6))
    assert (tested.p_value, tested.verdict) == (pytest.approx(student.sf(0.2 / 0.2, 5)), "open")
    assert tested.detectable_difference > 0.2
    assert run_test(SAME, records_of([1] * 20, "lines"), records_of([1] * 20)).verdict == "supported"
    apart = run_test(SAME, records_of([1] * 6, "lines"), records_of([1] * 6, first_seed=11))
    error = np.sqrt(2 * np.var([1] * 8 + [0] * 2) / 10)
    assert apart.p_value == pytest.approx(student.sf(0.2 / error, 5))
    assert run_test(SAME, records_of([1] * 6, "lines"), records_of([0.5] * 6)).p_value > 0.5


@pytest.mark.parametrize("num_runs", [10, 20])
@pytest.mark.parametrize("margin", [0.2, 0.3])
def test_sameness_is_claimed_of_what_differs_by_the_margin_in_five_percent_at_most(num_runs, margin):
    """Of differences that are rare but whole, common but small, or any: the true one is the margin."""
    rng = np.random.default_rng(4)
    shapes = [
        ([-1, 0], [margin, 1 - margin]),
        ([-0.5, 0], [2 * margin, 1 - 2 * margin]),
        ([-0.75, 0.25], [0.25 + margin, 0.75 - margin]),
    ]
    for values, shares in shapes:
        drawn = rng.choice(values, (500, num_runs), p=shares)
        p_values = [
            prove_equivalence(one.mean(), np.sqrt(cautious_variance(one, -1, 1)), num_runs - 1, margin)
            for one in drawn
        ]
        assert np.mean(np.array(p_values) < 0.05) <= 0.07


def test_a_trend_is_tested_over_all_sizes_within_seeds():
    rates = {"n14": [1, 1, 1, 0.75, 1], "n28": [0.5, 0.5, 0.75, 0.5, 0.5], "n56": [0, 0, 0, 0, 0.25]}
    records = [records_of(of_size, model=model) for model, of_size in rates.items()]
    tested = run_test(Hypothesis(**FALLS, expect="lower"), *records)
    assert [cell.model for cell in tested.groups] == list(rates)
    assert (tested.is_paired, tested.num_runs, tested.verdict) == (True, (5, 5, 5), "supported")
    # Each size is twice the one before, so the middle one has no weight.
    assert tested.difference.value == pytest.approx(np.mean(rates["n56"]) - np.mean(rates["n14"]))
    other = run_test(Hypothesis(**FALLS, expect="higher"), *records)
    assert (other.p_value, other.verdict) == (tested.p_value, "opposed")


def test_a_trends_p_value_is_that_of_all_permutations():
    rates_KU = np.array([[1, 0.5, 0.75], [0.5, 0.25, 1], [0.25, 0.5, 0.0]])
    weights_K = change_weights([100, 200, 400])
    observed = abs(weights_K @ rates_KU.mean(axis=1)) - 1e-9
    within = [
        abs(weights_K @ np.mean(columns, axis=0)) >= observed
        for columns in itertools.product(*(itertools.permutations(rates_KU[:, u]) for u in range(3)))
    ]
    assert trend_p_value(list(rates_KU), weights_K, is_paired=True) == pytest.approx(np.mean(within), abs=0.006)
    flat = [0.0, 1, 0.5, 0.75, 0.25, 0]
    across = [
        abs(weights_K @ np.reshape(order, (3, 2)).mean(axis=1)) >= abs(weights_K @ [0.5, 0.625, 0.125]) - 1e-9
        for order in itertools.permutations(flat)
    ]
    groups = [flat[:2], flat[2:4], flat[4:]]
    assert trend_p_value(groups, weights_K, is_paired=False) == pytest.approx(np.mean(across), abs=0.006)
    assert trend_p_value([[1, 1], [1, 1], [1, 1]], weights_K, is_paired=False) == 1


def test_crossed_runs_take_seeds_and_splits_as_random():
    """Without any effect, two seeds by twelve pairs with half of the variance between pairs: p below 0.05 in 5 %."""
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(60):
        noise = [rng.normal(0, 0.1, (2, 12)) + rng.normal(0, 0.1, (1, 12)) for _ in range(2)]
        tested = run_test(HIGHER, crossed(0.5 + noise[0], "lines"), crossed(0.5 + noise[1], "plain"))
        p_values.append(tested.p_value)
    assert tested.num_runs == (24, 24)
    assert tested.seeds_needed**2 >= tested.runs_needed
    assert np.mean(np.array(p_values) < 0.05) <= 0.1
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.15)


def test_p_values_are_adjusted_over_the_hypotheses_and_those_that_came_later_cost_the_others_nothing():
    higher, lower = records_of([1, 1, 1, 1, 0.75, 1, 1, 1], "lines"), records_of([0, 0.25, 0, 0.5, 0, 0, 0, 0])
    first, second = HIGHER, Hypothesis(**HELPS | {"name": "fit", "rate": "fit"}, expect="different")
    tested = run_tests([first, second], higher, lower)
    assert [one.p_value for one in tested] == [2 / 2**8, 1]
    assert [one.adjusted_p_value for one in tested] == [4 / 2**8, 1]
    late = Hypothesis(**HELPS | {"name": "late"}, expect="higher", is_post_hoc=True)
    tested = run_tests([first, second, late], higher, lower)
    assert [one.adjusted_p_value for one in tested] == [4 / 2**8, 1, pytest.approx(6 / 2**8)]
    assert [one.hypothesis.is_post_hoc for one in tested] == [False, False, True]


def test_the_rate_of_one_kind_of_question_is_a_rate_like_any_other():
    higher, lower = records_of([1] * 6, "lines"), records_of([0] * 6)
    [cell, _] = cells_of(higher + lower, ARMS)
    assert cell.rates_by_kind == [
        "fit of addition", "fit of subtraction", "extrapolation of addition", "extrapolation of subtraction",
    ]  # fmt: skip
    assert (set(cell.values("extrapolation of addition")), set(cell.values("fit of subtraction"))) == (
        {0.0},
        {90 / 98},
    )
    sums = run_test(Hypothesis(**HELPS | {"rate": "extrapolation of addition"}, expect="higher"), higher, lower)
    assert (sums.difference.value, sums.verdict) == (1, "supported")
    differences = run_test(
        Hypothesis(**HELPS | {"rate": "extrapolation of subtraction"}, expect="higher"), higher, lower
    )
    assert (differences.difference.value, differences.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "records", "fault"),
    [
        ({}, records_of([1] * 5), r"`way=lines model=n14` selects 0 cells, and has to select one"),
        ({}, records_of([1] * 5, "lines", steps=9), r"`way=lines model=n14` selects 2 cells, and has to select one"),
        ({"rate": "recall"}, [], "not all runs have recall"),
        ({"compare": (), "trend": {"way": "lines"}}, [], "`way=lines` selects 1 cell of 1 sizes; a trend takes 3"),
        ({"compare": (LINES, {"batches": "lines"})}, [], "select the same cell"),
        ({"compare": (LINES, {"model": "n28"})}, records_of([1] * 4, model="n28"), "has fewer than 5 runs .4."),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_says_why(changes, records, fault):
    given = [] if changes == {} and records[0]["config"].get("batches") is None else records_of([1] * 5, "lines")
    tested = run_test(Hypothesis(**HELPS | changes, expect="higher"), given, records_of([0] * 5), records)
    assert tested.verdict == "open"
    assert tested.p_value is tested.difference is None
    assert re.search(fault, tested.fault)


def test_runs_that_stopped_early_are_of_the_same_cell_as_those_that_did_not():
    stop = {"stop_when": {"metric": "fit", "threshold": 1.0}}
    treated = records_of([1] * 6, "lines", **stop)
    treated[2]["last"]["step"] = 500
    assert run_test(HIGHER, treated, records_of([0] * 6)).num_runs == (6, 6)
