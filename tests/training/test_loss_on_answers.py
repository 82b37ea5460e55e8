"""A loss on answers alone, against rows marked by hand, and against the log probabilities of each answer by itself."""

import copy
import re

import pytest
import torch
from torch.nn.functional import log_softmax

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import LADDER
from hf_capacity.data.answers import answer_spans, common_spans
from hf_capacity.data.batches import build_batches
from hf_capacity.data.line_rows import NO_TARGET
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer, encode
from hf_capacity.evaluation.exact_match import mean_loss
from hf_capacity.experiment import run_experiment
from hf_capacity.models.build import build_model
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import window_loss


CELL = {
    "task": "both", "model": "n14", "block_size": 140, "batch_size": 12, "steps": 20, "eval_steps": 10,
    "save_steps": 10, "batches": "lines", "loss_on": "answers",
}  # fmt: skip
KNOBS = {"lines_per_row": 3, "cut_in_front": True, "random_offset": True}
NAMES = (("windows_WT", ""), ("targets_WT", "."))


def prepared(**changes):
    run = ExperimentConfig.from_dict(CELL | changes)
    task = Task.load(run.task, run.split_seed, start=run.start)
    tokenizer = build_tokenizer(task.alphabet, run.block_size)
    return task, tokenizer, build_batches(task, tokenizer, run, torch.device("cpu"), distinct=True)


def marked(row: str) -> str:
    """A row in which all but answers and their end marks are dots: what follows `=`, and what follows `is `."""
    answers = r"(?<==)-?\d+>|(?<= is )[^\n]+\n"
    return re.sub(rf"{answers}|[\s\S]", lambda found: found[0] if len(found[0]) > 1 else ".", row)


def shown(tokenizer, ids, hole):
    return "".join(hole if i == NO_TARGET else tokenizer.decode([i]) for i in ids.tolist())


@pytest.mark.parametrize("knobs", [{}, {"lines_per_row": 3}, {"cut_in_front": True}, KNOBS], ids=str)
def test_the_targets_of_a_batch_are_the_answers_and_end_marks_of_its_rows(knobs):
    _, tokenizer, batches = prepared(**knobs)
    _, _, whole = prepared(lines_per_row=knobs.get("lines_per_row", 1))
    for step in range(20):
        batch = batches.batch(step)
        rows, targets = ([shown(tokenizer, ids, hole) for ids in batch[name]] for name, hole in NAMES)
        by_hand = [marked(shown(tokenizer, ids, "")) for ids in whole.batch(step)["windows_WT"]]
        assert any("Paris" in row or "=" in row for row in rows)
        for row, target, expected in zip(rows, targets, by_hand, strict=True):
            # A row's first token is read and not predicted; a cut row is the end of the whole one.
            assert target.rstrip(".") == expected[-len(row) :][1:].rstrip(".")


def loss_by_hand(model, tokenizer, task):
    total, number = 0.0, 0
    for text, answer, end in zip(*(task.lines[name][:] for name in ("text", "answer", "end")), strict=True):
        front, line = re.split(r"(?<==)|(?<= is )", text)
        assert line.startswith(answer + end)
        ids = torch.tensor([encode(tokenizer, "\n" + front + answer + end)])
        log_probabilities = log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
        places = range(len(front) + 1, ids.shape[1])
        total -= sum(log_probabilities[place - 1, ids[0, place]].item() for place in places)
        number += len(places)
    return total / number


@torch.no_grad()
def test_the_recorded_loss_is_that_of_each_answer_after_its_line(tmp_path):
    task, tokenizer, batches = prepared()
    model = build_model(LADDER["n14"], len(tokenizer), 140, 1)
    expected = loss_by_hand(model, tokenizer, task)
    assert mean_loss(model, **batches.every_row) == pytest.approx(expected, rel=1e-5)
    assert FusedLoss(model)(**batches.every_row) == pytest.approx(expected, rel=1e-5)
    short = {"steps": 2, "eval_steps": 1, "save_steps": 2, "model_seed": 1, **KNOBS}
    run = ExperimentConfig.from_dict(CELL | short)
    rows = []
    run_experiment(run, tmp_path, progress=lambda _, row: rows.append(row) if row else None)
    assert rows[0]["loss"] == pytest.approx(expected, rel=1e-5), "whatever the rows that are trained on"


def varied_model(vocabulary):
    model = build_model(LADDER["n28"], vocabulary, 140, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
            parameter *= parameter.requires_grad
    return model


@pytest.mark.parametrize("knobs", [{}, *({knob: value} for knob, value in KNOBS.items()), KNOBS], ids=str)
def test_the_kernel_has_the_loss_and_gradients_of_autograd_in_double_precision(knobs):
    _, tokenizer, batches = prepared(**knobs)
    batch, model = batches.batch(5), varied_model(len(tokenizer))
    exact = copy.deepcopy(model).double()
    # Written out: the log probability of every target, row by row, with nothing of ours but the rows.
    terms = []
    for place, row in enumerate(batch["windows_WT"]):
        ids = row[row != NO_TARGET]
        positions = torch.arange(len(ids) - 1) + (batch["offsets_W"][place] if "offsets_W" in batch else 0)
        logits = exact(input_ids=ids[None, :-1], position_ids=positions[None]).logits[0]
        targets = batch["targets_WT"][place][: len(ids) - 1]
        terms += [-log_softmax(logits[at], -1)[target] for at, target in enumerate(targets) if target >= 0]
    loss = torch.stack(terms).mean()
    loss.backward()
    gradients = {name: weight.grad for name, weight in exact.named_parameters() if weight.requires_grad}
    largest = max(gradient.abs().max() for gradient in gradients.values())

    assert FusedLoss(model).backward(**batch) == pytest.approx(loss.item(), rel=1e-6)
    for name, gradient in gradients.items():
        assert (model.get_parameter(name).grad.double() - gradient).abs().max() < 1e-5 * largest, name
    plain = copy.deepcopy(exact)
    plain.zero_grad()
    again = window_loss(plain, **batch)
    again.backward()
    assert again.item() == pytest.approx(loss.item(), rel=1e-6)  # which takes the logits in single precision
    for name, gradient in gradients.items():
        assert (plain.get_parameter(name).grad - gradient).abs().max() < 1e-5 * largest, name


def test_a_batch_that_is_cut_behind_all_its_answers_teaches_nothing():
    rows, none = torch.tensor([[3, 1, 2]]), torch.full((1, 2), NO_TARGET)
    model = build_model(LADDER["n14"], 5, 4, 1)
    loss = window_loss(model, rows, targets_WT=none)
    loss.backward()
    assert loss == 0
    assert not any(parameter.grad.any() for parameter in model.parameters() if parameter.grad is not None)
    assert FusedLoss(model).backward(rows, targets_WT=none) == 0


def test_the_answer_is_the_last_one_in_its_line_with_its_end_mark():
    lines = [
        ("<5+3=8> \n", "8", ">", "8>"),
        ("Capital of the UK is London \n", "London", " \n", "London \n"),
        ("1: 1. 2: 1.\n", "1", ".", "1."),
        ("no answer\n", "", "", ""),
        ("another answer\n", "this one", "\n", ""),
    ]
    columns = dict(zip(("text", "answer", "end"), zip(*(line[:3] for line in lines), strict=True), strict=True))
    spans = answer_spans(columns)
    found = [text[first:last] for (text, *_), [(first, last)] in zip(lines, spans, strict=True)]
    assert found == [line[3] for line in lines]
    assert spans[2] == [(9, 11)]


RECALL = {"task": "associative_recall", "block_size": 80}


def test_of_lines_with_several_answers_all_of_them_are_targets():
    task, tokenizer, batches = prepared(**RECALL)
    assert task.sizes.common_spans == ((13, 15), (16, 18), (19, 21), (22, 24))
    batch = batches.batch(3)
    for ids, targets in zip(batch["windows_WT"], batch["targets_WT"], strict=True):
        line = shown(tokenizer, ids, "")[1:]  # four pairs, and four again: key, value and a space each
        pairs = line.split()[:4]
        assert shown(tokenizer, targets, ".").rstrip(".") == "." * 12 + "".join(f".{q[1]} " for q in line.split()[4:])
        assert sorted(line.split()[4:]) == sorted(pairs)


def test_the_kernel_has_the_loss_and_gradients_of_several_answers_a_line():
    task, _, batches = prepared(**RECALL, lines_per_row=2)
    model = build_model(LADDER["n14"], len(task.alphabet), 80, 1)
    batch = batches.batch(5)
    fused = FusedLoss(model)
    loss = fused.backward(**batch)
    named = dict(model.named_parameters())
    gradients = {name: one.grad.clone() for name, one in named.items() if one.grad is not None}
    model.zero_grad()
    plain = window_loss(model, **batch)
    plain.backward()
    assert loss == pytest.approx(plain.item(), rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, rtol=1e-3, atol=1e-6)


LINE = {"text": ["a1 b2 a1\n", "b2 a1 b2\n"], "answer": ["1", "2"], "end": ["\n", "\n"]}


def asked(*questions):
    return dict(zip(("text", "prompt", "answer", "end"), zip(*questions, strict=True), strict=True))


def test_where_lines_with_several_answers_have_them_follows_from_those_that_are_asked():
    first, second = LINE["text"]
    once = asked((first, "a1 b2 a", "1", "\n"), (second, "b2 a1 b", "2", "\n"), ("a3 a3\n", "a3 a", "3", "\n"))
    assert common_spans(LINE, once) == ()
    twice = asked((first, "a1 b2 a", "1", "\n"), (first, "a1 b", "2", " "))
    assert common_spans(LINE, twice) == ((4, 6), (7, 9))
    assert answer_spans(LINE, common_spans(LINE, twice)) == [((4, 6), (7, 9))] * 2
    elsewhere = asked((first, "a1 b2 a", "1", "\n"), (first, "a1 b", "2", " "), (second, "b2 a1 b", "2", "\n"))
    assert common_spans(LINE, elsewhere) is None
    assert common_spans({"text": [first, "a1\n"]}, twice) is None


def test_the_key_is_part_of_the_run_id_and_left_out_at_its_default():
    lines = {**CELL, "loss_on": "text"}
    plain, other = (ExperimentConfig.from_dict({**lines, **more}) for more in ({}, {"loss_on": "answers"}))
    lines.pop("loss_on")
    assert "loss_on" not in plain.to_dict()
    assert plain.run_id == ExperimentConfig.from_dict(lines).run_id
    assert other.run_id != plain.run_id
