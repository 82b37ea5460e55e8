"""Each task that withholds is trained on for a few steps and evaluated, and the smallest adder can be set up."""

import math

import pytest

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment


SMALLEST_ADDER = {
    "model_type": "qwen3",
    "num_hidden_layers": 1,
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": 6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 3.0},
}


@pytest.mark.parametrize("batches", ["windows", "lines"])
@pytest.mark.parametrize(
    ("task", "counts"),
    [
        ("two_hop_facts", {"recall": 200, "fit": 160, "extrapolation": 40}),
        ("copy", {"fit": 328, "extrapolation": 36}),
        ({"path": "copy", "name": "reverse"}, {"fit": 328, "extrapolation": 36}),
        ("associative_recall", {"fit": 80, "extrapolation": 80}),
    ],
    ids=str,
)
def test_a_task_is_trained_on_and_evaluated(task, counts, batches, tmp_path):
    run = ExperimentConfig(
        task=task, model="n14", batches=batches, block_size=32, batch_size=16, steps=4, eval_steps=2
    )
    record = run_experiment(run, tmp_path)
    assert {rate: number for rate, (_, number) in record["last"]["counts"].items()} == {
        "exact_match": sum(counts.values()),
        **counts,
    }
    assert math.isfinite(record["last"]["loss"])
    assert ("bits" in record) == (task == "two_hop_facts")


@pytest.mark.slow  # other architectures take long to import
def test_the_smallest_adder_can_be_set_up(tmp_path):
    """One layer of width 4, which adds ten-digit numbers: AdderBoard's has 228 parameters with an alphabet of ten."""
    parameters = {"num_lines": 500, "num_questions": 50}
    run = ExperimentConfig(
        task={"path": "arithmetic", "name": "ten_digit_addition", "parameters": parameters},
        model=SMALLEST_ADDER,
        batches="lines",
        block_size=36,
        batch_size=128,
        steps=2,
        eval_steps=2,
        learning_rate=3e-3,
        max_grad_norm=1.0,
        training_step="plain",
    )
    record = run_experiment(run, tmp_path)
    assert record["num_parameters"] == 228 + 4 * 5  # and `<`, `+`, `=`, `>`, the newline
    assert {rate: number for rate, (_, number) in record["last"]["counts"].items()} == {
        "exact_match": 100,
        "fit": 50,
        "extrapolation": 50,
    }
