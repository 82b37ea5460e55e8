"""Rows of several lines, cut or shifted ones: trained by the kernel as by PyTorch, undisturbed or resumed."""

import copy

import pytest
import torch

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import LADDER
from hf_capacity.data.batches import build_batches
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer
from hf_capacity.experiment import run_experiment
from hf_capacity.models.build import build_model
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import window_loss


CELL = {
    "task": "capitals", "model": "n14", "block_size": 84, "batch_size": 10, "steps": 20, "eval_steps": 10,
    "save_steps": 10, "batches": "lines",
}  # fmt: skip
KNOBS = {"lines_per_row": 2, "cut_in_front": True, "random_offset": True, "replacement": True}


def config(**changes):
    return ExperimentConfig.from_dict(CELL | changes)


@pytest.mark.parametrize("knobs", [*({knob: KNOBS[knob]} for knob in KNOBS), KNOBS], ids=str)
def test_the_kernel_has_the_loss_and_gradients_of_autograd(knobs):
    run = config(**knobs)
    task = Task.load(run.task, run.split_seed)
    tokenizer = build_tokenizer(task.alphabet, run.block_size)
    batch = build_batches(task, tokenizer, run, torch.device("cpu"), distinct=True).batch(3)
    assert ("offsets_W" in batch) == run.random_offset
    model = build_model(LADDER["n14"], len(tokenizer), run.block_size, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
            parameter *= parameter.requires_grad
    exact = copy.deepcopy(model).double()
    loss = window_loss(exact, **batch)
    loss.backward()
    assert FusedLoss(model).backward(**batch) == pytest.approx(loss.item(), rel=1e-5)
    gradients = {name: weight.grad for name, weight in exact.named_parameters() if weight.requires_grad}
    largest = max(gradient.abs().max() for gradient in gradients.values())
    for name, gradient in gradients.items():
        assert (model.get_parameter(name).grad.double() - gradient).abs().max() < 1e-4 * largest, name


def test_only_the_positions_of_a_shifted_row_are_others():
    model = build_model(LADDER["n14"], 17, 12, 1)
    rows, offsets = torch.randint(17, (6, 9)), torch.arange(6) % 5
    loss = window_loss(model, rows, offsets)
    each = []
    for row, offset in zip(rows, offsets.tolist(), strict=True):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            moved.transformer.wpe.weight.copy_(model.transformer.wpe.weight.roll(-offset, 0))
        each.append(window_loss(moved, row[None]))
    assert loss.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-6)


@pytest.mark.parametrize(
    "knobs", [{}, KNOBS, KNOBS | {"loss_on": "answers"}], ids=["lines", "all knobs", "answers alone"]
)
def test_a_run_goes_the_same_way_by_the_kernel_plainly_and_resumed(tmp_path, knobs):
    fused = run_experiment(config(**knobs), tmp_path / "fused")
    plain = run_experiment(config(**knobs, training_step="plain"), tmp_path / "plain")
    assert (fused["provenance"]["training_step"], plain["provenance"]["training_step"]) == ("fused", "plain")
    assert fused["last"]["loss"] == pytest.approx(plain["last"]["loss"], rel=1e-4)

    def stop(step, row):
        if row and step == 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_experiment(config(**knobs), tmp_path / "stopped", progress=stop)
    resumed = run_experiment(config(**knobs), tmp_path / "stopped")
    assert resumed["provenance"]["resumed_from"] == [10]
    assert resumed["last"] == fused["last"]
    weights = [(tmp_path / name / fused["run_id"] / "model.safetensors").read_bytes() for name in ("stopped", "fused")]
    assert weights[0] == weights[1]


def test_each_knob_trains_another_model(tmp_path):
    losses = {
        str(knobs): run_experiment(config(**knobs), tmp_path)["last"]["loss"]
        for knobs in [{}, *({knob: KNOBS[knob]} for knob in KNOBS)]
    }
    assert len(set(losses.values())) == len(losses)
