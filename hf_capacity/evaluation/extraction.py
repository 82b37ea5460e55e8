"""The extraction curve: what a model gets right when its number embeddings are cut down to their best directions.

A model that has memorised may hide a rule in few directions, which the others drown (Liu & Lu 2026, arXiv 2605.18022).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from .geometry import num_directions, project


# Each number of directions up to this one is scored, and from there on its doubles.
MOST_BY_ONE = 10


def extraction_curve(
    model: PreTrainedModel,
    ids_N: Sequence[int],
    embeddings_ND: np.ndarray,
    counts: Callable[[], Mapping[str, Sequence[int]]],
) -> list[dict[str, Any]]:
    """Exact match with numbers projected to their best 1, 2, ... directions; the last has all of them.

    Args:
        model: The model, which is the same afterwards.
        ids_N: The token of each number.
        embeddings_ND: The embedding of each.
        counts: Scores the model as it is then: `[correct, questions]` of each rate.

    Returns:
        A row for each number of `directions`, with its `counts`.
    """
    most = num_directions(embeddings_ND)
    doubles = [MOST_BY_ONE << times for times in range(most.bit_length())]
    numbers = sorted({number for number in [*range(1, MOST_BY_ONE), *doubles] if number < most} | {most})
    rows = []
    for number in numbers:
        with projected(model, ids_N, project(embeddings_ND, number) - embeddings_ND):
            rows.append({"directions": number, "counts": dict(counts())})
    return rows


@contextmanager
def projected(model: PreTrainedModel, ids_N: Sequence[int], shifts_ND: np.ndarray) -> Iterator[None]:
    """Moves what the model reads of some tokens. What it writes stays: a tied head keeps its rows."""
    embedding = model.get_input_embeddings()
    of_others = np.zeros((1, shifts_ND.shape[1]))
    shifts = torch.tensor(np.concatenate([shifts_ND, of_others]), dtype=model.dtype, device=model.device)
    place_V = torch.full((model.config.get_text_config().vocab_size,), len(shifts_ND), device=model.device)
    place_V[list(ids_N)] = torch.arange(len(shifts_ND), device=model.device)

    def move(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return output + shifts[place_V[inputs[0]]]

    hook = embedding.register_forward_hook(move)
    try:
        yield
    finally:
        hook.remove()
