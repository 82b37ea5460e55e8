"""Batches of whole lines, and runs that end early: each against what it is said to be."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from hf_capacity import ask, evaluate_model
from hf_capacity.config.experiment import ExperimentConfig, StopWhen
from hf_capacity.data.batches import NO_TARGET, LineBatches, line_rows
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_curve, read_record


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 98, "steps": 60, "eval_steps": 10}


def config(**changes):
    return ExperimentConfig.from_dict(CELL | {"batches": "lines"} | changes)


def test_a_row_is_a_start_the_line_and_no_target_behind_it():
    rows = line_rows([[5, 6, 0], [7, 0]], start=0, block_size=8)
    assert rows.tolist() == [[0, 5, 6, 0], [0, 7, 0, NO_TARGET]]
    with pytest.raises(ValueError, match=r"`block_size` \(=2\) must be at least .* longest line \(=3\)"):
        line_rows([[5, 6, 0], [7, 0]], start=0, block_size=2)


@pytest.mark.parametrize("world_size", [1, 2])
def test_an_epoch_has_every_line_once_and_a_batch_is_a_function_of_its_step(world_size):
    rows = torch.arange(10)[:, None].expand(10, 3)

    def batches(rank, first=0):
        return LineBatches(
            rows, 4, num_batches=10, data_seed=7, rank=rank, world_size=world_size, first_batch=lambda: first
        )

    lines = np.array(
        [[b["windows_WT"][:, 0].tolist() for b in batches(rank)] for rank in range(world_size)]
    )  # (ranks, steps, lines)
    in_order = lines.transpose(1, 2, 0).reshape(-1)
    epochs = in_order.reshape(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert all((a != b).any() for a, b in pairwise(epochs))
    later = [b["windows_WT"][:, 0].tolist() for b in batches(0, first=6)]
    assert later == lines[0][6:].tolist()
    assert batches(0).exposures(10) == 4


def test_a_run_of_lines_reads_each_line_from_its_start(tmp_path):
    run = config()
    record = run_experiment(run, tmp_path)
    folder = tmp_path / run.run_id
    assert json.loads((folder / "task.json").read_text(encoding="utf-8"))["start"] == "\n"
    # The loss, by plain transformers: every character of every line, the first one after a newline.
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    from dataset_builders import load_task

    ids = torch.tensor([tokenizer("\n" + line).input_ids for line in load_task("arithmetic")["train"]["text"]])
    with torch.no_grad():
        loss = cross_entropy(model(ids[:, :-1]).logits.flatten(0, 1), ids[:, 1:].flatten())
    assert record["last"]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    # What is asked begins there too, here and wherever the model is loaded again.
    assert evaluate_model(folder)["counts"] == record["last"]["counts"]
    written = next(row["written"] for row in record["answers"] if row["prompt"] == "<5+7=")
    assert ask(folder, "<5+7=").rstrip() == written
    ids = tokenizer("\n<5+7=", return_tensors="pt").input_ids
    first = tokenizer.decode(model.generate(ids, max_new_tokens=1, do_sample=False)[0, -1:])
    assert written.startswith(first.strip())


@pytest.mark.parametrize("task", ["arithmetic", "capitals"])  # lines of one length, and lines that leave gaps
def test_kernel_and_pytorch_train_lines_alike(tmp_path, task):
    losses = {}
    for step in ("fastest", "plain"):
        run = config(task=task, block_size=41, batch_size=10, steps=20, eval_steps=10, training_step=step)
        record = run_experiment(run, tmp_path)
        losses[record["provenance"]["training_step"]] = record["last"]["loss"]
    assert losses["fused"] == pytest.approx(losses["plain"], rel=1e-4)


class Stopped(Exception):
    pass


def test_a_stopped_run_of_lines_ends_where_an_undisturbed_one_does(tmp_path):
    run = config(save_steps=20)

    def stop(step, row):
        if row and step == 50:
            raise Stopped

    with pytest.raises(Stopped):
        run_experiment(run, tmp_path / "stopped", progress=stop)
    resumed = run_experiment(run, tmp_path / "stopped")
    whole = run_experiment(run, tmp_path / "whole")
    assert resumed["provenance"]["resumed_from"] == [40]
    weights = [(tmp_path / name / run.run_id / "model.safetensors").read_bytes() for name in ("stopped", "whole")]
    assert weights[0] == weights[1]
    assert resumed["last"] == whole["last"]


# The early end


def test_a_run_ends_when_its_criterion_has_held_so_often_in_a_row(tmp_path):
    run = config(stop_when={"metric": "loss", "threshold": 1.9, "evaluations": 2}, steps=2000, eval_steps=10)
    record = run_experiment(run, tmp_path)
    curve = read_curve(tmp_path / run.run_id)
    holds = [row["loss"] <= 1.9 for row in curve]
    assert holds[-2:] == [True, True]
    assert not any(all(pair) for pair in pairwise(holds[:-1]))
    assert record["last"]["step"] == curve[-1]["step"] < 2000
    assert read_record(tmp_path / run.run_id)["config"]["stop_when"]["metric"] == "loss"
    assert run_experiment(run, tmp_path)["last"] == record["last"]  # it is done


def test_a_run_that_was_killed_stops_where_it_would_have(tmp_path):
    run = config(
        stop_when={"metric": "loss", "threshold": 1.9, "evaluations": 3}, steps=2000, eval_steps=10, save_steps=10
    )
    whole = run_experiment(run, tmp_path / "whole")
    end = whole["last"]["step"]

    def stop(step, row):
        if row and step == end:
            raise Stopped

    with pytest.raises(Stopped):
        run_experiment(run, tmp_path / "killed", progress=stop)
    assert run_experiment(run, tmp_path / "killed")["last"] == whole["last"]


@pytest.mark.parametrize(
    ("stop_when", "message"),
    [
        ({"metric": "extrapolation", "threshold": 1}, "extrapolation reads withheld verdicts, which must not decide"),
        ({"metric": "exact_match", "threshold": 1}, "exact_match reads withheld verdicts"),
        ({"metric": "los", "threshold": 1}, "unknown metric; take loss, fit or recall, of what was seen"),
        ({"metric": "fit", "threshold": 1, "evaluations": 0}, "`stop_when.evaluations` (=0): "),
    ],
)
def test_a_criterion_that_may_not_be_is_refused(stop_when, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        config(stop_when=stop_when)


def test_a_rate_that_the_task_has_not_never_holds():
    assert not StopWhen(metric="recall", threshold=0.0, evaluations=1).holds([{"recall": None}])


def test_defaults_leave_the_ids_of_published_runs_alone():
    plain = ExperimentConfig.from_dict(CELL)
    assert not {"batches", "stop_when"} & set(plain.to_dict())
    assert ExperimentConfig.from_dict(config().to_dict()) == config()
    assert config().run_id != plain.run_id
