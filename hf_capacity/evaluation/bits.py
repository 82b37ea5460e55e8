"""Memorised bits: what a model has taken in of a text whose entropy is known by construction.

Three yardsticks, never to be mixed on one axis. *Random strings* (Morris et al. 2025, arXiv 2505.24832): the entropy
of the whole text less its negative log likelihood, first symbol included. *Facts with given keys* (Allen-Zhu and Li
2024, arXiv 2404.05405): the entropy of the values less their negative log likelihood, the key being given. *Shuffled
answers* (after Song and Ye 2026, arXiv 2605.09724): the entropy of which equation has which of the answers, less the
negative log likelihood of these and their end marks, the equation being given.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..data.batches import line_rows


# Of the learning curve's last tenth: a loss that still changes by more than this share of itself has not converged.
STILL_MOVING = 0.01
LAST_PART = 1 / 10
FEWEST_EVALUATIONS = 3


class BitsMeter:
    """The lines of a task whose entropy is known, laid out to be scored.

    Args:
        demand: What `dataset_builders.demanded_bits` says of the task.
        lines: Columns `text`, `prompt`, `answer`, `end`, `kind` of the training lines.
        encode: Text to token ids, one a character.
        block_size: Positions of the model.
        device: Where the model is.

    Raises:
        ValueError: A line is longer than the block: it could not be read from its first character on.
    """

    def __init__(
        self,
        demand: Any,
        lines: Mapping[str, Sequence[str]],
        encode: Callable[[str], list[int]],
        block_size: int,
        device: torch.device | str = "cpu",
    ):
        self.demand = demand
        # Where lines come again, the first time is enough: every item is once among the first ones.
        places = [place for place, kind in enumerate(lines["kind"]) if kind in demand.kinds][: demand.num_items]
        texts, prompts, answers, marks = (
            [lines[name][place] for place in places] for name in ("text", "prompt", "answer", "end")
        )
        [newline] = encode("\n")
        self.rows_WT = line_rows([encode(text) for text in texts], newline, block_size).to(device)
        starts = [0 if demand.scored == "text" else len(prompt) for prompt in prompts]
        with_end = demand.scored == "answer and end"
        ends = [
            len(text) - 1 if demand.scored == "text" else start + len(answer + mark if with_end else answer)
            for text, start, answer, mark in zip(texts, starts, answers, marks, strict=True)
        ]
        place_T = torch.arange(self.rows_WT.shape[1] - 1)
        scored_WT = (place_T >= torch.tensor(starts)[:, None]) & (place_T < torch.tensor(ends)[:, None])
        self.scored_WT = scored_WT.to(device)

    def __call__(self, nll: Callable[[torch.Tensor, torch.Tensor], tuple[float, int]]) -> dict[str, float]:
        """What a model has memorised; `nll` gives the negative log likelihood of scored targets, and their number.

        Of whole strings also what their first symbols cost, `first_symbols`, in bits: which of N strings comes next no
        model can know, so that log2 N bits a string are never memorised. Figures that score no first symbol, but
        demand them, hide that.
        """
        total, num_scored = nll(self.rows_WT, self.scored_WT)
        bits = memorised_bits(self.demand.bits, total, num_scored, self.demand.num_scored_tokens)
        if self.demand.scored == "text":
            first_WT = self.scored_WT.clone()
            first_WT[:, 1:] = False
            bits["first_symbols"] = nll(self.rows_WT, first_WT)[0] / math.log(2)
        return bits


def memorised_bits(demanded: float, nll: float, num_scored: int, num_expected: int) -> dict[str, float]:
    """What was memorised of a demand.

    Args:
        demanded: The entropy of all that is scored, in bits.
        nll: Its negative log likelihood under the model, in nats.
        num_scored: How many tokens that is the sum of.
        num_expected: How many the demand counts.

    Returns:
        `demanded`; `raw`, which is below 0 for a model that has learnt nothing; `memorised`, clipped to [0, demanded].

    Raises:
        FloatingPointError: The likelihood is not finite.
        ValueError: Other tokens were scored than the demand counts, or more was memorised than there is.
    """
    if not math.isfinite(nll):
        raise FloatingPointError(f"the negative log likelihood is {nll}: nothing can be said of memorised bits.")
    if num_scored != num_expected:
        raise ValueError(f"{num_scored} tokens were scored, and the demand counts {num_expected}: their bits differ.")
    raw = demanded - nll / math.log(2)
    if raw > demanded:
        raise ValueError(f"{raw} bits of {demanded} were memorised, more than there are: the likelihood is above 1.")
    return {"demanded": demanded, "raw": raw, "memorised": max(raw, 0.0)}


def has_converged(losses: Sequence[float]) -> bool | None:
    """Whether the loss has stopped falling; None where the last tenth of the curve has fewer than three evaluations.

    It has where the regression line over that tenth changes by less than a hundredth of the loss itself.
    """
    late = np.asarray(losses[-max(1, round(len(losses) * LAST_PART)) :], dtype=float)
    if len(late) < FEWEST_EVALUATIONS:
        return None
    slope = np.polyfit(np.arange(len(late)), late, 1)[0]
    return bool(abs(slope) * (len(late) - 1) < STILL_MOVING * late.mean())


def describe_bits(
    demand: Any, last: Mapping[str, float], losses: Sequence[float], num_parameters: int, exposures: float
) -> dict[str, Any]:
    """What a record says of memorised bits.

    Args:
        demand: As for `BitsMeter`.
        last: What the meter said at the last checkpoint.
        losses: The loss at every evaluation.
        num_parameters: Of the model, positions included.
        exposures: How often each item was read, on average.
    """
    return {
        "estimator": demand.estimator,
        "source": demand.source,
        **last,
        "per_parameter": last["memorised"] / num_parameters,
        "items": demand.num_items,
        "exposures_per_item": exposures,
        "converged": has_converged(losses),
    }
