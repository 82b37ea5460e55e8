"""The training step of one run done four ways, for `benchmark.py`: ours, a bare loop, a stock `Trainer`, products."""

import dataclasses
import statistics
import tempfile
import time
from typing import Any

import torch
import transformers
from datasets import Dataset
from transformers import GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments, default_data_collator

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.batches import Batches, WindowBatches, build_batches
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer, encode
from hf_capacity.evaluation.exam import Exam
from hf_capacity.models.build import build_model, gpt2_config
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import build_loss, step_implementation
from hf_capacity.training.trainer import CapacityTrainer, learning_rate_factor, training_arguments


WARM_UP = 5  # steps of a turn that are not counted


class Cell:
    """What the training steps of one run need, whichever way they are done."""

    def __init__(self, config: ExperimentConfig):
        self.config = config
        self.exam = Exam(Task.load(config.task, config.split_seed, start=config.start))
        self.tokenizer = build_tokenizer(self.exam.task.alphabet, config.block_size)
        self.ids_N = torch.tensor(encode(self.tokenizer, self.exam.task.text))
        self.implementation = step_implementation(config, "cpu")
        torch.compiler.reset()

    def model(self) -> GPT2LMHeadModel:
        return build_model(self.config.model, len(self.tokenizer), self.config.block_size, self.config.model_seed)

    def batches(self, steps: int) -> Batches:
        run, distinct = _for_steps(self.config, steps), self.implementation == "fused"
        return build_batches(self.exam.task, self.tokenizer, run, torch.device("cpu"), distinct=distinct)


class Clock(TrainerCallback):
    """When each step of a `Trainer` ended."""

    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())

    def milliseconds(self, warm_up: int) -> float:
        return mean_ms(self.ends[warm_up:])


def mean_ms(ends: list[float]) -> float:
    """The mean, since a step in many has work of several: batches are drawn in a row."""
    return 1e3 * (ends[-1] - ends[0]) / (len(ends) - 1)


def _for_steps(config: ExperimentConfig, steps: int) -> ExperimentConfig:
    """The run with so few steps that none of the checkpoints that its study keeps is reached."""
    return dataclasses.replace(config, steps=steps, keep_checkpoints=())


def our_step(cell: Cell, steps: int, warm_up: int, batches: Batches | None = None) -> float:
    """(a): as `run_experiment` does it, on its own batches unless others are given."""
    config, model, clock = _for_steps(cell.config, steps), cell.model(), Clock()
    with tempfile.TemporaryDirectory() as folder:
        loss = build_loss(cell.implementation, model, cell.config)
        args = training_arguments(config, folder, report_to="none")
        trainer = CapacityTrainer(
            model, config, loss, batches or cell.batches(steps), lambda step: {}, args=args, callbacks=[clock]
        )
        trainer.train()
    return clock.milliseconds(warm_up)


def bare_step(cell: Cell, steps: int, warm_up: int) -> float:
    """(b): our loss and optimiser in a loop of our own, without the `Trainer`."""
    model, batches, ends = cell.model().train(), cell.batches(steps), []
    loss = build_loss(cell.implementation, model, cell.config)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = cell.config.learning_rate * learning_rate_factor(step, cell.config)
        batch = batches.batch(step)
        if isinstance(loss, FusedLoss):
            loss.backward(**batch)
        else:
            loss(model, **batch).backward()
        torch.nn.utils.clip_grad_norm_(parameters, cell.config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        ends.append(time.perf_counter())
    return mean_ms(ends[warm_up:])


def stock_step(cell: Cell, steps: int, warm_up: int) -> float:
    """(c): rows of a `Dataset`, the default collator, the model's own loss.

    Not compiled: it gained nothing (in ms, compiled / not: arithmetic n14 19.8 / 19.2, both n28 42.6 / 41.6, both n56
    84.9 / 75.6). A second thread takes both n56 to 48.5 ms, on twice the cores.
    """
    config, clock = cell.config, Clock()
    rows = WindowBatches(
        cell.ids_N, config.block_size, config.batch_size * steps, num_batches=1, data_seed=config.data_seed
    ).batch(0)["windows_WT"][:, 1:].tolist()  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=config.batch_size, use_cpu=True,
            learning_rate=config.learning_rate, adam_beta2=0.99, save_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(
            GPT2LMHeadModel(gpt2_config(config.model, len(cell.tokenizer), config.block_size)), args,
            data_collator=default_data_collator, train_dataset=Dataset.from_dict({"input_ids": rows, "labels": rows}),
            callbacks=[clock],
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return clock.milliseconds(warm_up)


def weight_shapes(config: ExperimentConfig, vocab_size: int) -> list[tuple[int, int]]:
    width, inner = config.model.n_embd, config.model.n_inner
    layer = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    return layer * config.model.n_layer + [(width, vocab_size)]


def products(cell: Cell, steps: int, warm_up: int) -> float:
    """(d): what a step multiplies by weights, and nothing else: forward, by the input and by the weights."""
    tokens, ends = cell.config.batch_size * cell.config.block_size, []
    operands = [
        (torch.randn(tokens, inputs), torch.randn(inputs, outputs), torch.randn(tokens, outputs))
        for inputs, outputs in weight_shapes(cell.config, len(cell.tokenizer))
    ]
    for _ in range(steps):
        for x, weights, upstream in operands:
            torch.mm(x, weights)
            torch.mm(upstream, weights.T)
            torch.mm(x.T, upstream)
        ends.append(time.perf_counter())
    return mean_ms(ends[warm_up:])


def measure_steps(config: ExperimentConfig, rounds: int, steps: int) -> dict[str, Any]:
    """One row of the first table: the four ways in turn, `rounds` times."""
    cell, warm_up = Cell(config), min(WARM_UP, steps // 3)
    ways = {"ours": our_step, "bare": bare_step, "stock": stock_step, "products": products}
    our_step(cell, 3, 0)  # compiles what is compiled
    taken = [{name: way(cell, steps, warm_up) for name, way in ways.items()} for _ in range(rounds)]
    multiplications = sum(inputs * outputs for inputs, outputs in weight_shapes(config, len(cell.tokenizer)))
    return {
        "task": config.task.path,
        "model": config.model.label,
        "implementation": cell.implementation,
        **{f"{name}_ms": statistics.median(turn[name] for turn in taken) for name in ways},
        "above_bare_ms": statistics.median(turn["ours"] - turn["bare"] for turn in taken),
        "bare_ratio": statistics.median(turn["ours"] / turn["bare"] for turn in taken),
        "stock_ratio": statistics.median(turn["stock"] / turn["ours"] for turn in taken),
        "products_ratio": statistics.median(turn["products"] / turn["ours"] for turn in taken),
        "gigaflop": 6e-9 * multiplications * config.batch_size * config.block_size,
        "rounds": rounds,
        "steps": steps - warm_up - 1,
    }
