"""What a model begins with in place of the usual draw, and the rank that its token embedding is held to."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from ..boundary.writing import sha256
from ..config.embeddings import EmbeddingsConfig
from ..config.model import ModelConfig
from ..config.sources import WEIGHTS, Source
from .build import build_empty, learned_positions


# Fewer of them lie on a line however they are drawn.
FEWEST_DIGITS = 3


class _Learned(NamedTuple):
    """What a finished run has learned: its weights by name, and which row of its embedding is whose."""

    named: str
    weights: Mapping[str, torch.Tensor]
    vocabulary: Mapping[str, int]


@torch.no_grad()
def set_initial_weights(
    network: PreTrainedModel,
    embeddings: EmbeddingsConfig,
    start_from: Source | None,
    vocabulary: Mapping[str, int],
) -> None:
    """Changes freshly drawn weights to those that a run asks for; nothing is drawn again.

    Args:
        network: The model.
        embeddings: What is asked of its token embedding.
        start_from: The run whose weights it takes.
        vocabulary: The row of each character.

    Raises:
        ValueError: There are no digits for a line, no directions for the rank, or a source is not here or does not
            fit.
    """
    embedding_VD = network.get_input_embeddings().weight
    if start_from:
        _copy_all(network, _read("start_from", start_from), vocabulary)
    elif isinstance(embeddings.init, Source):
        _copy_embedding(network, _read("embeddings.init", embeddings.init), vocabulary)
    elif embeddings.init == "line":
        put_on_a_line(embedding_VD, [vocabulary[digit] for digit in "0123456789" if digit in vocabulary])
    if embeddings.rank and embeddings.rank > min(embedding_VD.shape):
        raise ValueError(
            f"`embeddings.rank` (={embeddings.rank}) must not exceed {min(embedding_VD.shape)}: the embedding has "
            f"{embedding_VD.shape[0]} characters in {embedding_VD.shape[1]} dimensions."
        )
    if embeddings.rank:
        reduce_rank(embedding_VD, embeddings.rank)


@functools.cache  # a study asks once for every seed
def check_initial_weights(
    model: ModelConfig, embeddings: EmbeddingsConfig, start_from: Source | None, alphabet: str, block_size: int
) -> None:
    """Sets the initial weights of a model on the meta device, for which a source is read and nothing is allocated.

    Raises:
        ValueError: They cannot be set (see `set_initial_weights`).
    """
    network = build_empty(model, len(alphabet), block_size)
    set_initial_weights(network, embeddings, start_from, {character: row for row, character in enumerate(alphabet)})


def put_on_a_line(embedding_VD: torch.Tensor, rows: list[int]) -> None:
    """Puts rows of a matrix on a straight line through the origin, at even distances and as large as they were.

    The line has the direction of the first row, and the rows keep the sum of their squares.

    Raises:
        ValueError: There are fewer than `FEWEST_DIGITS`.
    """
    if len(rows) < FEWEST_DIGITS:
        raise ValueError(
            f"`embeddings.init` (='line') is for digits, and the text has {len(rows) or 'none'} of them: it takes "
            f"{FEWEST_DIGITS} or more."
        )
    drawn_ND = embedding_VD[rows].double()
    places_N = torch.arange(len(rows), dtype=torch.double, device=drawn_ND.device) - (len(rows) - 1) / 2
    line_ND = torch.outer(places_N, drawn_ND[0])
    embedding_VD[rows] = (line_ND * (drawn_ND.norm() / line_ND.norm())).to(embedding_VD.dtype)


@torch.no_grad()
def reduce_rank(embedding_VD: torch.Tensor, rank: int) -> None:
    """Replaces a matrix by the nearest one of a rank (Eckart and Young 1936): V x rank coordinates, rank directions.

    After each step of a descent this is singular value projection (Jain et al. 2010, arXiv 0909.5457).
    """
    left_VK, sizes_K, right_KD = torch.linalg.svd(embedding_VD.double(), full_matrices=False)
    embedding_VD.copy_((left_VK[:, :rank] * sizes_K[:rank]) @ right_KD[:rank])


def _read(key: str, source: Source) -> _Learned:
    if source.folder is None:
        raise ValueError(
            f"`{key}` (={str(source)!r}) names weights by their digest alone, which only a run with a checkpoint can "
            "go on with: name the folder that has them."
        )
    named = f"`{key}` (={str(source.folder)!r})"
    try:
        is_the_same = f"sha256:{sha256(source.folder / WEIGHTS)}" == source.digest
        weights = load_file(source.folder / WEIGHTS)
        vocabulary = Tokenizer.from_file(str(source.folder / "tokenizer.json")).get_vocab()
    except Exception as error:  # files can be wrong in any way, and gone by now
        raise ValueError(f"{named} cannot be read: {' '.join(str(error).split())}") from None
    if not is_the_same:
        raise ValueError(f"{named} has other weights by now than {source.digest}: restore those, or begin a new run.")
    return _Learned(named, weights, vocabulary)


def _copy_embedding(network: PreTrainedModel, learned: _Learned, vocabulary: Mapping[str, int]) -> None:
    embedding_VD = network.get_input_embeddings().weight
    [name] = [name for name, weight in network.named_parameters() if weight is embedding_VD]
    if name not in learned.weights:
        raise ValueError(f"{learned.named} does not fit: it has no {name}, which this model has.")
    _copy_characters(name, embedding_VD, learned, vocabulary)


def _copy_all(network: PreTrainedModel, learned: _Learned, vocabulary: Mapping[str, int]) -> None:
    """Copies every weight: of what has a row a character those that both have, of learned positions likewise."""
    own = network.state_dict(keep_vars=True)  # of weights that are tied, it has all names and a file has one
    copied = {id(own[name]) for name in learned.weights if name in own}
    for whose, names in (
        ("it has no {}, which this model has", [name for name, weight in own.items() if id(weight) not in copied]),
        ("it has {}, which this model does not have", sorted(set(learned.weights) - set(own))),
    ):
        if names:
            raise ValueError(f"{learned.named} does not fit: {whose.format(names[0])}.")
    by_character = {id(network.get_input_embeddings().weight), id(network.get_output_embeddings().weight)}
    by_place = set(map(id, learned_positions(network)))
    for name in [name for name in own if name in learned.weights]:
        theirs = learned.weights[name]
        if id(own[name]) in by_character:
            _copy_characters(name, own[name], learned, vocabulary)
            continue
        has_places = id(own[name]) in by_place
        _check_shape(name, own[name], learned, of_a_row=has_places)
        both = min(len(own[name]), len(theirs)) if has_places else None
        own[name][:both] = theirs[:both].to(own[name].device)


def _copy_characters(name: str, weight_VD: torch.Tensor, learned: _Learned, vocabulary: Mapping[str, int]) -> None:
    _check_shape(name, weight_VD, learned, of_a_row=True)
    both = sorted(set(vocabulary) & set(learned.vocabulary))
    if not both:
        raise ValueError(f"{learned.named} does not fit: its alphabet and that of this run share no character.")
    rows, their_rows = ([rows_of[character] for character in both] for rows_of in (vocabulary, learned.vocabulary))
    weight_VD[rows] = learned.weights[name][their_rows].to(weight_VD.device)


def _check_shape(name: str, own: torch.Tensor, learned: _Learned, *, of_a_row: bool) -> None:
    theirs = learned.weights[name]
    if own.shape[of_a_row:] != theirs.shape[of_a_row:]:
        was, expected = (" x ".join(map(str, weight.shape)) for weight in (theirs, own))
        raise ValueError(f"{learned.named} does not fit: its {name} is {was}, where this model takes {expected}.")
