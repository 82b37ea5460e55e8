"""The straight line with what users bring: their own task, their own model, a few lines of Python."""

import json
import math

import pytest
import torch

from hf_capacity import ExperimentConfig, evaluate_model, load_results, run_experiment
from hf_capacity.config.study import read_study
from hf_capacity.runs.records import read_curve
from hf_capacity.sweep.task_checks import check_tasks


@pytest.mark.slow  # ten million parameters
def test_the_ordinary_model_takes_a_few_steps(tmp_path):
    [run] = read_study(
        "too_big_to_think_mlt", ["task=arithmetic", "steps=2", "eval_steps=2", "batch_size=8", "save_steps=2"]
    ).runs()
    record = run_experiment(run, tmp_path)
    assert (record["num_parameters"], record["num_parameters_without_positions"]) == (10_631_808, 10_628_352)
    losses = [row["loss"] for row in read_curve(tmp_path / run.run_id)]
    assert losses[0] == pytest.approx(math.log(17), abs=0.3)
    assert losses[1] < losses[0]


def swapping(folder):
    """A task of one's own: write two letters the other way round; ac and db are withheld."""
    folder.mkdir()
    rows = [
        {
            "text": f"{a}{b}={b}{a};\n", "prompt": f"{a}{b}=", "answer": b + a, "end": ";",
            "kind": "swap", "ability": "rule", "seen": a + b not in ("ac", "db"),
        }
        for a in "abcd" for b in "abcd"
    ]  # fmt: skip
    for split, lines in (("train", [row for row in rows if row["seen"]] * 2), ("questions", rows)):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: train.jsonl}\n  - {split: questions, path: questions.jsonl}\n---\n"
    )
    return folder


def test_a_task_of_ones_own_goes_the_whole_way(tmp_path):
    task = swapping(tmp_path / "swapping")
    run = ExperimentConfig(task=str(task), model="n28", block_size=6, batch_size=64, steps=300, eval_steps=100)
    check_tasks([run])
    record = run_experiment(run, tmp_path / "runs")
    assert record["last"]["counts"]["fit"] == [14, 14]
    assert record["last"]["counts"]["extrapolation"][1] == 2
    assert record["last"]["published_scoring"] == {}
    marks = evaluate_model(tmp_path / "runs" / run.run_id)
    assert marks["counts"] == record["last"]["counts"]
    assert set(marks["withheld"]) == {"ac=", "db="}
    assert len(load_results(tmp_path / "runs")) == 1


def test_a_task_that_asks_for_characters_it_never_shows_is_refused(tmp_path):
    task = swapping(tmp_path / "swapping")
    lines = (task / "questions.jsonl").read_text(encoding="utf-8")
    (task / "questions.jsonl").write_text(lines.replace('"prompt": "ac="', '"prompt": "a?="'), encoding="utf-8")
    run = ExperimentConfig(task=str(task), model="n28", block_size=6, batch_size=64)
    with pytest.raises(ValueError, match=r"have characters that its training text does not: \['\?'\]"):
        check_tasks([run])


def test_data_seed_model_seed_and_split_seed_each_do_their_own_thing(tmp_path):
    def curve_of(**seeds):
        run = ExperimentConfig(
            task="arithmetic", model="n14", block_size=9, batch_size=8, steps=10, eval_steps=5, **seeds
        )
        run_experiment(run, tmp_path)
        return [row["loss"] for row in read_curve(tmp_path / run.run_id)]

    plain, model, data, split = (curve_of(), curve_of(model_seed=1), curve_of(data_seed=1), curve_of(split_seed=1))
    assert model[0] != plain[0], "other initial weights"
    assert data[0] == plain[0], "the same weights on the same text"
    assert data[1] != plain[1], "other windows"
    assert split[0] == pytest.approx(plain[0], rel=1e-2)
    assert split[0] != plain[0], "the same weights on another order of lines"


def test_a_run_leaves_the_callers_random_state_to_no_ones_surprise(tmp_path):
    run = ExperimentConfig(task="arithmetic", model="n14", block_size=9, batch_size=8, steps=5, eval_steps=5)
    torch.manual_seed(1)
    first = run_experiment(run, tmp_path / "a")["last"]
    torch.manual_seed(2)
    assert run_experiment(run, tmp_path / "b")["last"] == first
