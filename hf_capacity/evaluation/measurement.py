"""What a run measures of its model, at every evaluation and at its end."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.task import Task
from ..data.tokenizer import encode
from ..training.kernel import FusedLoss
from .bits import BitsMeter, describe_bits
from .exact_match import LONGEST_LINE, mean_loss, nll, predict, write_lines
from .exam import Exam
from .probes import Probes


class Measurement:
    """The loss of the whole text, the questions and, where the entropy is known, the memorised bits of one model.

    Everything that does not change in the course of training is laid out once.

    Args:
        task: What the model is trained on.
        tokenizer: One token a character.
        model: The model, which is measured as it is.
        loss: The loss of the run's training steps: where it is the kernel's, the kernel measures too.
        rows: All windows of the text, or its lines, as one batch (see `Batches.every_row`).
        probes: Whether the embeddings of its numbers are probed too.
    """

    def __init__(
        self,
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        model: PreTrainedModel,
        loss: FusedLoss | Callable[..., torch.Tensor],
        rows: Mapping[str, torch.Tensor],
        *,
        probes: bool = False,
    ):
        self.task, self.tokenizer, self.model, self.rows = task, tokenizer, model, rows
        if isinstance(loss, FusedLoss):
            self.loss_of_text, self.predict = loss, loss.predict
        else:
            self.loss_of_text, self.predict = partial(mean_loss, model), partial(predict, model)
        encoded, block_size = partial(encode, tokenizer), tokenizer.model_max_length
        self.exam = Exam(task)
        self.sheet = self.exam.sheet(encoded, block_size, model.device)
        self.probed = Probes(task, tokenizer, model) if probes else None
        self.meter = None
        if task.demand:
            self.meter = BitsMeter(task.demand, task.lines[:], encoded, block_size, model.device)

    def row(self, step: int) -> dict[str, Any]:
        """One row of the learning curve.

        Raises:
            FloatingPointError: The loss, or what was memorised, is no finite number.
        """
        marks = self.exam.mark(self.sheet.verdicts(self.predict))
        row = {"step": step, "loss": self.loss_of_text(**self.rows), **marks}
        if self.meter:
            row["bits"] = self.meter(partial(nll, self.model))
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"the loss is {row['loss']} at step {step}: try a lower `learning_rate`.")
        if self.probed:
            row["probes"] = self.probed.geometry()
        return row

    def answers(self) -> list[dict[str, Any]]:
        """What the model writes for withheld questions and for a few seen ones (see `Exam.answers`)."""

        def write(prompts: list[str], targets: list[str]) -> list[str]:
            enough = [max(LONGEST_LINE, len(target)) for target in targets]
            return write_lines(
                self.model, self.tokenizer, [self.task.start + each for each in prompts], targets, enough
            )

        return self.exam.answers(self.sheet.verdicts(self.predict), write)

    def probes(self) -> dict[str, Any]:
        """`probes` of a record: all of them; nothing where none were asked for."""
        if not self.probed:
            return {}

        def counts() -> dict[str, list[int]]:
            return self.exam.mark(self.sheet.verdicts(partial(predict, self.model)))["counts"]

        return {"probes": self.probed.everything(counts)}

    def bits(self, curve: Sequence[dict[str, Any]], num_parameters: int, exposures: float) -> dict[str, Any]:
        """`bits` of a record: what was memorised, and how often each item was read; nothing without a known entropy.

        Args:
            curve: All rows of the learning curve.
            num_parameters: Of the model, positions included.
            exposures: How often the model read each line, on average. An item may have several lines.
        """
        if not self.meter:
            return {}
        losses = [row["loss"] for row in curve]
        exposures *= self.task.lines_per_item
        return {"bits": describe_bits(self.task.demand, curve[-1]["bits"], losses, num_parameters, exposures)}
