"""Probes: why a model extrapolates, read off the embeddings of its numbers and off its residual stream."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.run_checks import check_numerals
from ..data.task import Task
from ..data.tokenizer import encode, reads_characters
from .extraction import extraction_curve
from .geometry import (
    fourier_shares,
    inverse_participation_ratio,
    number_line,
    parallelogram_ratio,
    variance_shares,
)
from .linear_probe import read_numbers, residual_stream


READ = ("first_operand", "second_operand", "result")


class Probes:
    """The probes of one model on a task with numbers.

    Args:
        task: What it is asked.
        tokenizer: Its tokenizer.
        model: The model, which is probed as it is.

    Raises:
        ValueError: The task has no numbers, or the tokenizer has not one token for each of them.
    """

    def __init__(self, task: Task, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel):
        self.numerals = check_numerals(task.sizes)
        self.task, self.tokenizer, self.model = task, tokenizer, model
        self.ids = number_ids(tokenizer, self.numerals.symbols, task.lines["text"][:])

    @torch.no_grad()
    def embeddings(self) -> np.ndarray:
        """The token embedding of each number: (N, D).

        Raises:
            ValueError: They are all alike.
        """
        ids = torch.tensor(self.ids, device=self.model.device)
        embeddings_ND = self.model.get_input_embeddings()(ids).double().cpu().numpy()
        if np.ptp(embeddings_ND, axis=0).max() == 0:
            raise ValueError("all numbers have the same embedding: there is nothing to probe.")
        return embeddings_ND

    def geometry(self) -> dict[str, float]:
        """The cheap probes, for every evaluation: of the embeddings, and the norm of all weights."""
        embeddings_ND = self.embeddings()
        weights = (parameter.detach() for parameter in self.model.parameters())
        return {
            "number_line": number_line(embeddings_ND),
            "parallelogram_ratio": parallelogram_ratio(embeddings_ND),
            "effective_rank": 1 / inverse_participation_ratio(variance_shares(embeddings_ND)),
            "inverse_participation_ratio": inverse_participation_ratio(fourier_shares(embeddings_ND)),
            "weight_norm": float(torch.nn.utils.get_total_norm(weights)),
        }

    def everything(self, counts: Callable[[], Mapping[str, Sequence[int]]]) -> dict[str, Any]:
        """All probes, as a record has them; `counts` scores the model (see `extraction_curve`)."""
        embeddings_ND = self.embeddings()
        return {
            **self.geometry(),
            "variance_shares": variance_shares(embeddings_ND).tolist(),
            "fourier_shares": fourier_shares(embeddings_ND).tolist(),
            **self._linear_probes(),
            "extraction": extraction_curve(self.model, self.ids, embeddings_ND, counts),
        }

    def _linear_probes(self) -> dict[str, Any]:
        """`linear_probes` of operands and result; nothing where it is not known what the model has seen."""
        columns = (self.task.questions[column] for column in ("prompt", "answer", "seen"))
        asked = [
            (self.numerals.read(prompt, answer), prompt, seen) for prompt, answer, seen in zip(*columns, strict=True)
        ]
        numbers_Q3, prompts, seen = zip(*(question for question in asked if question[0]), strict=True)
        if set(seen) != {True, False}:
            return {}
        stream_QD = residual_stream(self.model, self.tokenizer, [self.task.start + prompt for prompt in prompts])
        found = {
            name: read_numbers(stream_QD, numbers_Q, np.array(seen), self.numerals.modulus)
            for name, numbers_Q in zip(READ, np.array(numbers_Q3).T, strict=True)
        }
        return {"linear_probes": found}


def number_ids(tokenizer: PreTrainedTokenizerBase, symbols: str, texts: Sequence[str]) -> list[int]:
    """The token of each number.

    Args:
        tokenizer: Any tokenizer.
        symbols: The numerals, in the order of what they stand for.
        texts: In which they are read.

    Raises:
        ValueError: A numeral has no token of its own, has several, or shares one with other characters.
    """
    if reads_characters(tokenizer):
        return encode(tokenizer, symbols)
    used = set(itertools.chain.from_iterable(tokenizer(list(texts), verbose=False)["input_ids"]))
    spelled = {token: tokenizer.decode([token]) for token in used}
    ids = []
    for symbol in symbols:
        found = {token: text for token, text in spelled.items() if symbol in text}
        if list(found.values()) != [symbol]:
            tokens = ", ".join(map(repr, sorted(found.values())[:5])) or "pieces of a character"
            raise ValueError(
                f"probes need one token for each number, and this tokenizer has {tokens} for {symbol!r}: take a model "
                "whose tokenizer reads each digit by itself."
            )
        ids += found
    return ids
