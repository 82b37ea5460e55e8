"""Hypotheses of a study tested on made records, against counts by hand and a second way to compute them."""

import pytest

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.hypotheses import test_hypotheses
from hf_capacity.config.arms import Arms
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.hypotheses import Hypothesis


WAYS = {"plain": {}, "lines": {"batches": "lines"}}
ARMS = Arms.of({"way": WAYS}, {"task": "arithmetic"})
LINES, PLAIN = ({"way": way, "model": "n14"} for way in ("lines", "plain"))
HELPS = Hypothesis(
    name="lines help", rate="extrapolation", compare=(LINES, PLAIN), expect="higher", smallest_difference=0.2
)


def record_of(rate, seeds, way="plain", model="n14"):
    names = ("split_seed", "model_seed", "data_seed")
    config = ExperimentConfig(
        task="arithmetic", model=model, block_size=9, batch_size=8, **WAYS[way], **dict(zip(names, seeds, strict=True))
    )
    kinds = {"addition": {"seen": [98, 98], "unseen": [round(2 * rate), 2]}, "subtraction": {"unseen": [0, 2]}}
    counts = {"fit": [196, 196], "extrapolation": [round(4 * rate), 4]}
    last = {"step": config.steps, "fit": 1.0, "extrapolation": rate, "counts": counts, "kinds": kinds}
    return {"config": config.to_dict(), "num_parameters": 100 * config.model.n_embd, "last": last}


def records_of(rates, way="plain", model="n14", first_seed=1):
    return [record_of(rate, (seed,) * 3, way, model) for seed, rate in enumerate(rates, first_seed)]


def run_test(hypothesis, *records):
    [tested] = test_hypotheses([hypothesis], cells_of([record for some in records for record in some], ARMS))
    return tested


def test_runs_that_share_seeds_are_compared_in_pairs():
    tested = run_test(HELPS, records_of([1, 1, 1, 1, 0.75, 1], "lines"), records_of([0, 0.25, 0, 0.5, 0, 0]))
    assert (tested.is_paired, tested.num_runs) == (True, (6, 6))
    assert [cell.arms[0].name for cell in tested.groups] == ["lines", "plain"]
    assert tested.difference.value == pytest.approx((1 + 0.75 + 1 + 0.5 + 0.75 + 1) / 6)
    assert tested.p_value == tested.adjusted_p_value == 2 / 2**6
    assert tested.verdict == "supported"


def test_runs_of_other_seeds_are_independent():
    tested = run_test(HELPS, records_of([1] * 5, "lines"), records_of([0.0] * 4 + [0.25], first_seed=11))
    assert (tested.is_paired, tested.num_runs) == (False, (5, 5))
    assert tested.p_value == pytest.approx(2 / 252)
    assert tested.verdict == "supported"
