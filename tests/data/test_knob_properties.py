"""Any combination of what can be set of rows and questions is trained, or is refused in a line before it starts."""

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from support.hostile_values import for_all

from hf_capacity import evaluate_model
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.sweep.task_checks import check_tasks


TASKS = (
    {"path": "mixture", "name": "balanced", "parameters": {"tasks": [
        {"path": "arithmetic", "name": "paper"}, {"path": "facts", "parameters": {"num_keys": 8, "num_questions": 8}},
    ]}},
    {"path": "random_strings", "parameters": {"length": 8, "num_strings": 20, "num_questions": 4}},
    {"path": "capitals"},
)  # fmt: skip
COMBINATIONS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(TASKS),
        "block_size": st.sampled_from([9, 24, 41, 60, 90]),
        "batches": st.sampled_from(["lines", "lines", "windows"]),
    },
    optional={
        "lines_per_row": st.integers(1, 4),
        "cut_in_front": st.booleans(),
        "random_offset": st.booleans(),
        "replacement": st.booleans(),
        "loss_on": st.sampled_from(["text", "answers"]),
        "asked_after": st.sampled_from(["nothing", "newline", 1, 2, 3, 500]),
        "curriculum": st.sampled_from(["rule_first", "facts_first", "interleaved"]),
        "training_step": st.just("plain"),
    },
)
REST = {"model": {"n_embd": 4}, "batch_size": 3, "steps": 2, "eval_steps": 2, "save_steps": 2}


@pytest.mark.parametrize("number", [10, pytest.param(400, marks=pytest.mark.slow)])
def test_a_combination_is_trained_or_refused(number):
    refused, trained = [], []

    def check(settings):
        folder = Path(tempfile.mkdtemp())
        try:
            run = ExperimentConfig.from_dict(REST | settings)
            check_tasks([run])
        except ValueError as refusal:
            refused.append(str(refusal))
            return
        record = run_experiment(run, folder)
        assert math.isfinite(record["last"]["loss"])
        assert evaluate_model(folder / run.run_id)["counts"] == record["last"]["counts"]
        shutil.rmtree(folder)
        trained.append(run.run_id)

    for_all(number, COMBINATIONS, check)
    assert trained
    assert refused
    assert not any("\n" in refusal for refusal in refused)
