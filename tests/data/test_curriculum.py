"""What is read when, against hand counts."""

import numpy as np
import pytest
import torch

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.batches import LineBatches, WindowBatches
from hf_capacity.data.curriculum import Curriculum, ability_of_windows
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_curve


ABILITIES = ["rule"] * 6 + ["fact"] * 4
# Steps of ten, and what each reads.
ORDERS = {
    "rule_first": ["rule"] * 5 + ["all"] * 5,
    "facts_first": ["fact"] * 5 + ["all"] * 5,
    "interleaved": ["rule", "fact"] * 5,
    None: ["all"] * 10,
}
ROWS = {"rule": set(range(6)), "fact": set(range(6, 10)), "all": set(range(10))}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batches_type", [LineBatches, WindowBatches])
def test_a_batch_is_drawn_from_what_its_step_may_read(order, batches_type):
    given = [torch.arange(10)[:, None].expand(10, 3), 60] if batches_type is LineBatches else [torch.arange(11), 1, 60]
    batches = batches_type(*given, num_batches=10, data_seed=3, curriculum=Curriculum(order, 10, ABILITIES))
    drawn = [set(batch["windows_WT"][:, 0].tolist()) for batch in batches]
    assert all(rows <= ROWS[pool] for rows, pool in zip(drawn, ORDERS[order], strict=True))
    if batches_type is LineBatches:  # 60 lines are each of them several times
        assert drawn == [ROWS[pool] for pool in ORDERS[order]]
    again = batches_type(
        *given, num_batches=10, data_seed=3, curriculum=Curriculum(order, 10, ABILITIES), first_batch=lambda: 7
    )
    assert [set(batch["windows_WT"][:, 0].tolist()) for batch in again] == drawn[7:], "a function of the step alone"


def test_lines_of_a_pool_come_equally_often_over_its_batches():
    batches = LineBatches(
        torch.arange(10)[:, None].expand(10, 3), 3, num_batches=16, data_seed=3,
        curriculum=Curriculum("interleaved", 16, ABILITIES),
    )  # fmt: skip
    drawn = [batch["windows_WT"][:, 0].tolist() for batch in batches]
    assert np.bincount(np.ravel(drawn[0::2]), minlength=10).tolist() == [4] * 6 + [0] * 4
    assert np.bincount(np.ravel(drawn[1::2]), minlength=10).tolist() == [0] * 6 + [6] * 4


@pytest.mark.parametrize(
    ("order", "exposures"),
    # 5 batches of 12 lines from 4 facts, 5 from all 10; and so on.
    [(None, 10 * 1.2), ("rule_first", 5 * 1.2), ("facts_first", 5 * 3 + 5 * 1.2), ("interleaved", 5 * 3)],
)
def test_exposures_are_how_often_a_fact_was_drawn(order, exposures):
    rows = torch.arange(10)[:, None].expand(10, 3)
    batches = LineBatches(rows, 12, num_batches=10, data_seed=3, curriculum=Curriculum(order, 10, ABILITIES))
    assert batches.exposures(10) == pytest.approx(exposures)
    drawn = np.bincount(torch.cat([batch["windows_WT"][:, 0] for batch in batches]), minlength=10)
    assert drawn[6:].mean() == pytest.approx(exposures, abs=1)


def test_a_window_is_of_an_ability_if_all_its_lines_are():
    # Text "rrr" "rr" "fff": windows of 3 characters.
    found = ability_of_windows(["rule", "rule", "fact"], [3, 2, 3], block_size=2)
    assert found.tolist() == ["rule", "rule", "rule", "mixed", "mixed", "fact"]


def test_a_task_without_facts_has_no_curriculum(tmp_path):
    run = ExperimentConfig.from_dict(
        {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "curriculum": "facts_first"}
    )
    with pytest.raises(ValueError, match=r"`curriculum` \(='facts_first'\) .* of the fact alone this run has nothing"):
        run_experiment(run, tmp_path)
    with pytest.raises(ValueError, match="'rule_first', 'facts_first' or 'interleaved'"):
        ExperimentConfig.from_dict({**run.to_dict(), "curriculum": "facts"})


# Facts are half of the characters, and 90 of 290 lines: of a batch that is theirs alone a fact gets so much more than
# of one that is not. `facts_first` has half of each, `rule_first` only half of the latter.
@pytest.mark.parametrize(("batches", "times"), [("windows", 2 + 1), ("lines", 290 / 90 + 1)])
def test_a_run_is_read_in_the_order_that_it_says(tmp_path, batches, times):
    facts = {"path": "facts", "name": "people", "parameters": {"num_keys": 8, "num_attributes": 1, "num_values": 2}}
    task = {"path": "mixture", "parameters": {"tasks": [{"path": "arithmetic"}, facts], "tokens": [1800, 1800]}}
    settings = {"task": task, "model": "n14", "block_size": 24, "batch_size": 32, "steps": 200, "eval_steps": 100}
    told, half = {}, {}
    for order in ("rule_first", "facts_first"):
        run = ExperimentConfig.from_dict(settings | {"batches": batches, "curriculum": order})
        told[order] = run_experiment(run, tmp_path)["bits"]["exposures_per_item"]
        half[order] = read_curve(tmp_path / run.run_id)[1]["bits"]["raw"]
    assert told["facts_first"] == pytest.approx(times * told["rule_first"], rel=0.05)
    assert half["facts_first"] > half["rule_first"], "which had not read a fact by then"
