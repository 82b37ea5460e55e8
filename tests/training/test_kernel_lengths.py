"""The kernel takes rows as far as their last target: what lies behind costs nothing, and changes nothing."""

import copy

import pytest
import torch
from torch.nn.functional import pad

from hf_capacity.config.model import LADDER
from hf_capacity.config.study import read_study
from hf_capacity.data.batches import NO_TARGET, build_batches
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer
from hf_capacity.models.build import build_model
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import window_loss


VOCABULARY, BLOCK = 17, 50
LENGTHS = {
    "each another": torch.arange(1, BLOCK + 1),
    "a few long ones": torch.tensor([9] * 70 + [41, 50, 33]),
    "one": torch.tensor([20]),
    "some without a target": torch.tensor([0, 12] * 20),
    "as many as lanes, and one more": torch.tensor([5] * 16 + [4]),
}


def varied_model(vocabulary=VOCABULARY, block=BLOCK, rung="n28"):
    """Far from its small initial weights, where every part of the model counts."""
    model = build_model(LADDER[rung], vocabulary, block, 1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def rows_of(lengths, block=BLOCK):
    """Rows of random tokens with so many targets, in an order of no length."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randint(VOCABULARY, (len(lengths), block + 1), generator=generator)
    rows[torch.arange(block + 1) > lengths[:, None]] = NO_TARGET
    return rows[torch.randperm(len(rows), generator=generator)]


def check_against_plain(model, rows):
    """Loss and gradients against the plain step in double precision, where there is hardly any rounding."""
    exact = copy.deepcopy(model).double()
    loss = window_loss(exact, rows)
    loss.backward()
    assert FusedLoss(model).backward(rows) == pytest.approx(loss.item(), rel=1e-6)
    gradients = {name: weight.grad for name, weight in exact.named_parameters() if weight.requires_grad}
    largest = max(gradient.abs().max() for gradient in gradients.values())
    for name, gradient in gradients.items():
        assert (model.get_parameter(name).grad.double() - gradient).abs().max() < 3e-6 * largest, name


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_rows_of_any_length_are_those_of_the_plain_step(lengths):
    check_against_plain(varied_model(), rows_of(lengths))


def test_tokens_without_a_target_in_front_and_between_are_read_on():
    rows = rows_of(LENGTHS["each another"])
    rows[::2, :4] = NO_TARGET
    rows[::3, 7:9] = NO_TARGET
    check_against_plain(varied_model(), rows)


def test_a_batch_of_lines_is_that_of_the_plain_step():
    run, *_ = read_study("rescue", ["intervention=lines", "model=n28"]).runs()
    task = Task.load(run.task, run.split_seed, start=run.start)
    tokenizer = build_tokenizer(task.alphabet, run.block_size)
    rows = build_batches(task, tokenizer, run, torch.device("cpu"), distinct=True).batch(7)["windows_WT"]
    assert (rows[:, -1] == NO_TARGET).float().mean() > 0.9
    check_against_plain(varied_model(len(tokenizer), run.block_size), rows)


def test_more_room_behind_all_rows_moves_no_bit():
    model, rows = varied_model(block=80), rows_of(LENGTHS["each another"])
    narrow, wide = FusedLoss(model), FusedLoss(model)
    assert narrow.backward(rows) == wide.backward(pad(rows, (0, 30), value=NO_TARGET))
    assert torch.equal(narrow.flat_gradient, wide.flat_gradient)


def test_rows_without_a_target_move_no_bit():
    model, rows = varied_model(), rows_of(LENGTHS["each another"])
    without, among = FusedLoss(model), FusedLoss(model)
    empty = torch.full((40, BLOCK + 1), NO_TARGET)
    assert without.backward(rows) == among.backward(torch.cat([empty, rows, empty]))
    assert torch.equal(without.flat_gradient, among.flat_gradient)
    assert FusedLoss(model).backward(empty) == 0


def test_the_order_of_rows_moves_the_last_digits_alone():
    model, rows = varied_model(), rows_of(LENGTHS["a few long ones"])
    here, there = FusedLoss(model), FusedLoss(model)
    assert here.backward(rows) == pytest.approx(there.backward(rows.flip(0)), rel=1e-6)
    torch.testing.assert_close(here.flat_gradient, there.flat_gradient, rtol=1e-4, atol=1e-6)
