"""Frozen, untied, low-rank and copied weights: by the kernel as by autograd, undisturbed or resumed, to the report."""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.stopped import Stopped, stop_at
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import ModelConfig
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.experiment import run_experiment
from hf_capacity.models.build import build_model
from hf_capacity.report import write_report
from hf_capacity.runs.records import read_record
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import window_loss


CELL = {
    "task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 30, "eval_steps": 10,
    "save_steps": 10,
}  # fmt: skip
UNTIED = {"name": "n14", "tie_word_embeddings": False}
EMBEDDING = "transformer.wte.weight"
SOURCE = "the folder of a finished run"
RUNS = {
    "line": {"embeddings": {"init": "line"}},
    "frozen": {"embeddings": {"frozen": True}},
    "frozen on a line": {"embeddings": {"init": "line", "frozen": True}, "model": UNTIED},
    "rank": {"embeddings": {"rank": 2}},
    "untied rank": {"embeddings": {"rank": 1}, "model": UNTIED},
    "wide draw": {"model": {"name": "n14", "initializer_range": 0.5}},
    "copied": {"embeddings": {"init": SOURCE, "frozen": True}},
    "started": {"start_from": SOURCE},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    output = tmp_path_factory.mktemp("source")
    run = ExperimentConfig.from_dict(CELL | {"model_seed": 1})
    run_experiment(run, output)
    return output / run.run_id


def config(name, source, **changes):
    settings = json.loads(json.dumps(CELL | RUNS[name] | changes).replace(SOURCE, str(source)))
    return ExperimentConfig.from_dict(settings)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_kernel_has_the_gradients_of_autograd_of_what_is_trained(tied, frozen):
    rung = ModelConfig(n_layer=2, n_head=2, n_embd=12, tie_word_embeddings=tied)
    model, windows = build_model(rung, 17, 9, 1), torch.randint(17, (40, 10))
    model.get_input_embeddings().requires_grad_(not frozen)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    exact = copy.deepcopy(model).double()
    loss = window_loss(exact, windows)
    loss.backward()
    fused = FusedLoss(model)
    assert fused.backward(windows) == pytest.approx(loss.item(), rel=1e-5)
    gradients = {name: weight.grad for name, weight in exact.named_parameters() if weight.requires_grad}
    assert (EMBEDDING in gradients, "lm_head.weight" in gradients) == (not frozen, not tied)
    assert (model.get_parameter(EMBEDDING).grad is None) == frozen
    largest = max(gradient.abs().max() for gradient in gradients.values())
    for name, gradient in gradients.items():
        assert (model.get_parameter(name).grad.double() - gradient).abs().max() < 1e-4 * largest, name
    predicted = exact(input_ids=windows[:, :-1]).logits.argmax(-1)
    assert torch.equal(fused.predict(windows[:, :-1]), predicted)


@pytest.mark.parametrize("step", ["fastest", "plain"])
def test_what_is_frozen_is_at_the_end_what_it_was_at_the_start(step, source, tmp_path):
    for name in ("frozen", "frozen on a line", "copied"):
        run = config(name, source, training_step=step, weight_decay=0.1, keep_checkpoints=[1])
        record = run_experiment(run, tmp_path)
        assert record["provenance"]["training_step"] == {"fastest": "fused", "plain": "plain"}[step]
        first, last = (load_file(tmp_path / run.run_id / at / "model.safetensors") for at in ("step-1", "."))
        assert torch.equal(first[EMBEDDING], last[EMBEDDING])
        assert not any(
            torch.equal(first[other], last[other]) for other in first if "wte" not in other and "bias" not in other
        )
        if name == "copied":
            assert torch.equal(last[EMBEDDING], load_file(source / "model.safetensors")[EMBEDDING])


@pytest.mark.parametrize(("name", "rank"), [("rank", 2), ("untied rank", 1)])
def test_an_embedding_held_to_a_rank_is_saved_with_it_and_loads_anywhere(name, rank, source, tmp_path):
    by = {}
    for step in ("fastest", "plain"):
        run = config(name, source, training_step=step)
        record = run_experiment(run, tmp_path)
        assert record["num_parameters"] == 1582 - 17 * 14 + rank * (17 + 14 - rank) + 17 * 14 * (name == "untied rank")
        model = AutoModelForCausalLM.from_pretrained(tmp_path / run.run_id)
        by[step] = model.state_dict()
        assert np.linalg.matrix_rank(by[step][EMBEDDING].numpy(), tol=1e-5) == rank
    torch.testing.assert_close(by["fastest"], by["plain"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", RUNS)
def test_a_stopped_run_ends_as_one_that_was_not_though_its_source_is_gone(name, source, tmp_path):
    mine = shutil.copytree(source, tmp_path / "source")
    run = config(name, mine)
    run_experiment(run, tmp_path / "whole", study="s")
    with pytest.raises(Stopped):
        run_experiment(run, tmp_path / "stopped", study="s", progress=stop_at(20))
    shutil.rmtree(mine)
    folder = tmp_path / "stopped" / run.run_id
    written = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert str(tmp_path) not in str(written)
    again = ExperimentConfig.from_dict(written)
    assert again.run_id == run.run_id
    record = run_experiment(again, tmp_path / "stopped", study="s")
    assert record["provenance"]["resumed_from"] == [10]
    assert read_record(folder)["files"] == read_record(tmp_path / "whole" / run.run_id)["files"]


def test_a_run_begins_with_the_weights_of_its_source_and_says_which(source, tmp_path):
    run = config("started", source)
    record = run_experiment(run, tmp_path)
    digest = read_record(source)["files"]["model.safetensors"]
    assert record["config"]["start_from"] == f"sha256:{digest}"
    curves = [(folder / "learning_curve.jsonl").read_text().splitlines() for folder in (source, tmp_path / run.run_id)]
    last, first = json.loads(curves[0][-1]), json.loads(curves[1][0])
    assert (first["loss"], first["counts"]) == (last["loss"], last["counts"])
    moved = shutil.copytree(source, tmp_path / "elsewhere" / "run")
    assert config("started", moved).run_id == run.run_id != config("started", tmp_path / run.run_id).run_id


@pytest.mark.processes
def test_such_runs_are_reported_scored_and_published_like_others(source, tmp_path):
    study = {
        "settings": CELL | {"start_from": None},
        "grid": {
            "how": {
                "plain": {"model": "n14"},
                "from another": {"start_from": str(source)},
                "line": {"embeddings": {"init": "line", "frozen": True}, "model": UNTIED},
            }
        },
    }
    path, output = tmp_path / "begun.yaml", tmp_path / "runs" / "begun"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    call = CliRunner().invoke
    assert call(app, ["run", str(path), "--output", str(output), "--workers", "1"]).exit_code == 0
    shutil.move(source, tmp_path / "moved")
    try:
        assert str(tmp_path) not in (output / "study.yaml").read_text(encoding="utf-8")
        report = write_report(output).read_text(encoding="utf-8")
        assert "from another" in report
        assert str(tmp_path) not in report
        for folder in output.glob("*/record.json"):
            marks = evaluate_model(folder.parent)
            assert marks["counts"] == read_record(folder.parent)["last"]["counts"]
        dry = tmp_path / "dry"
        result = call(app, ["publish", "study", str(output), "--namespace", "ada", "--dry-run", "--output", str(dry)])
        assert result.exit_code == 0, result.output
        cards = [card.read_text(encoding="utf-8") for card in dry.rglob("README.md")]
        assert any("sha256:" in card for card in cards)
        assert not any(str(tmp_path) in card for card in cards)
    finally:
        shutil.move(tmp_path / "moved", source)
