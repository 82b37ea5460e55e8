"""Models: the ladder's, which compute exactly the paper's bias-free ones, and any other causal language model."""

import functools
import logging
import math
import re
from collections.abc import Callable
from dataclasses import replace

import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedModel, set_seed

from ..config.architectures import architecture, refusal
from ..config.model import MOST_PARAMETERS, ModelConfig
from ..config.model_keys import LADDERS_KEYS, LADDERS_TYPE


# How far from the number of parameters aimed at the widths alone may stay.
TOLERANCE = 0.05
# Of what later characters change, the share that an earlier position may take over by rounding; an encoder's is 1e-2.
ROUNDING = 1e-4


def gpt2_config(model: ModelConfig, vocab_size: int, block_size: int) -> GPT2Config:
    """The rung as a `GPT2Config`: pre-norm blocks, learned positions, tied head unless it is not, exact GELU."""
    return GPT2Config(
        vocab_size=vocab_size,
        n_positions=block_size,
        n_embd=model.n_embd,
        n_layer=model.n_layer,
        n_head=model.n_head,
        n_inner=model.n_inner,
        activation_function="gelu",
        resid_pdrop=model.dropout,
        embd_pdrop=model.dropout,
        attn_pdrop=model.dropout,
        layer_norm_epsilon=1e-5,
        **LADDERS_KEYS | model.other_keys,
        tie_word_embeddings=model.tie_word_embeddings,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
    )


def build_model(model: ModelConfig, vocab_size: int, block_size: int, model_seed: int) -> PreTrainedModel:
    """A freshly initialised model; the seed stays set, for dropout.

    The paper's models have no biases, `GPT2Config` always has them: zero and frozen, they compute the same function,
    and the model still loads anywhere with plain `AutoModelForCausalLM`. Other types are as transformers makes them.

    Raises:
        ValueError: There is no such model (see `resolve_width`), it cannot run, or its positions see what follows
            them.
    """
    model = resolve_width(model, vocab_size, block_size)
    set_seed(model_seed)
    network = _network(model, vocab_size, block_size)
    if model.model_type != LADDERS_TYPE:
        _check_causality(network, model.model_type)
    return network


def _network(model: ModelConfig, vocab_size: int, block_size: int) -> PreTrainedModel:
    # On the CPU the fused attention kernel is the slower one where sequences are many and tiny; elsewhere a model has
    # it if its type does.
    attention = None if torch.cuda.is_available() else "eager"
    if model.model_type == LADDERS_TYPE:
        config = gpt2_config(model, vocab_size, block_size)
        network = GPT2LMHeadModel._from_config(config, attn_implementation=attention)
        freeze_biases(network)
        return network
    config = architecture(model.model_type).config(vars(model), vocab_size, block_size)
    try:
        return AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    except Exception as error:  # whatever a type's code makes of keys that do not go together
        raise refusal(model.model_type, error) from error


def build_empty(model: ModelConfig, vocab_size: int, block_size: int) -> PreTrainedModel:
    """A model on the meta device, which has shapes and allocates nothing.

    Raises:
        ValueError: There is no such model (see `resolve_width`).
    """
    model = resolve_width(model, vocab_size, block_size)
    with torch.device("meta"):
        return _network(model, vocab_size, block_size)


@functools.cache  # a study asks once for every seed
def check_buildable(model: ModelConfig, vocab_size: int, block_size: int) -> None:
    """Builds a model on the meta device.

    Raises:
        ValueError: There is no such model (see `resolve_width`), or it has more parameters than any machine holds.
    """
    total, _ = count_parameters(build_empty(model, vocab_size, block_size))
    if total > MOST_PARAMETERS:
        raise ValueError(f"`model` has {total:,} parameters, more than {MOST_PARAMETERS:,}: no machine holds it.")


def _check_causality(network: PreTrainedModel, model_type: str) -> None:
    if not torch.cuda.is_available():
        # That a GPU's kernel is not installed is no news on a machine without one.
        logging.getLogger("transformers.integrations.hub_kernels").setLevel(logging.ERROR)
    try:
        ahead = sees_ahead(network.eval(), network.config.max_position_embeddings)
    except Exception as error:  # as above
        raise refusal(model_type, error) from error
    if ahead:
        raise ValueError(
            f"`model.model_type` (={model_type!r}) is no causal language model with these keys: a position sees the "
            "characters that follow it. Some types are one with `is_decoder: true`."
        )
    network.train()


@torch.no_grad()
def sees_ahead(network: PreTrainedModel, num_positions: int) -> bool:
    """Runs a few positions: whether the first one changes with those that follow, as in an encoder."""
    ids_RT = torch.zeros(2, num_positions, dtype=torch.long, device=network.device)
    ids_RT[1, 1:] = network.get_input_embeddings().weight.shape[0] - 1
    one_TV, other_TV = network(input_ids=ids_RT).logits
    changes_T = (one_TV - other_TV).abs().amax(-1)
    return bool(changes_T[0] > ROUNDING * changes_T.max())


@functools.cache  # a study asks once for every seed
def resolve_width(model: ModelConfig, vocab_size: int, block_size: int) -> ModelConfig:
    """The model with its width chosen, if it aims at a number of parameters.

    All else as given, the width is that whose parameters are nearest. Where widths are too coarse to come within 5 %,
    as where layers are many and narrow, it is the last that does not exceed the target, and the width of the MLP makes
    up for what is missing, if the type has one and it is not given. Parameters are counted on the meta device, which
    allocates none.

    Raises:
        ValueError: The target is below the smallest model, or transformers refuses the keys.
    """
    if model.num_parameters is None:
        return model
    target, heads = model.num_parameters, model.n_head or 1

    def with_sizes(head_width: int, n_inner: int | None) -> ModelConfig:
        try:
            return replace(model, num_parameters=None, n_embd=head_width * heads, n_inner=n_inner)
        except ValidationError as error:
            cause = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"`model.num_parameters` (={target:g}) cannot be had: {cause}") from None

    @functools.cache
    def count(head_width: int, n_inner: int | None = model.n_inner) -> int:
        with torch.device("meta"):
            return count_parameters(_network(with_sizes(head_width, n_inner), vocab_size, block_size))[0]

    if target < count(1):
        raise ValueError(
            f"`model.num_parameters` (={target:g}) is below the smallest {model.model_type} with these keys, an "
            f"alphabet of {vocab_size} and a block of {block_size}, which has {count(1):,}."
        )
    nearest = _nearest(count, target)
    has_mlp = model.model_type == LADDERS_TYPE or "n_inner" in architecture(model.model_type).sizes
    if abs(count(nearest) - target) <= TOLERANCE * target or model.n_inner or not has_mlp:
        return with_sizes(nearest, model.n_inner)
    below = nearest - (count(nearest) > target)
    return with_sizes(below, _nearest(functools.partial(count, below), target))


def _nearest(count: Callable[[int], int], target: float) -> int:
    """The whole number from 1 on whose `count`, which grows with it, is nearest to `target`."""
    # Each count builds a model. Parameters grow with the square of a number at most, hence they are too few up to the
    # first guess; and their root grows evenly, hence the later ones are close.
    below, above = 0, max(1, int(math.sqrt(target / count(1))))
    while count(above) < target:
        below, above = above, 2 * above
    while above - below > 1:
        low, high = (math.sqrt(count(number)) if number else 0.0 for number in (below, above))
        guess = below + round((above - below) * (math.sqrt(target) - low) / (high - low))
        middle = min(max(guess, below + 1), above - 1)
        below, above = (middle, above) if count(middle) < target else (below, middle)
    return min(max(1, below), above, key=lambda number: abs(count(number) - target))


def freeze_biases(network: GPT2LMHeadModel) -> None:
    """Holds every bias where it is. Freezing is not saved with a model: do it again to train a loaded one."""
    for name, parameter in network.named_parameters():
        if name.endswith(".bias"):
            parameter.requires_grad_(False)


def count_parameters(network: PreTrainedModel, rank: int | None = None) -> tuple[int, int]:
    """`num_parameters` (all that are trained, tied ones once) and `num_parameters_without_positions`, learned ones.

    Args:
        network: The model.
        rank: What its token embedding is held to: of V x D numbers, rank (V + D - rank) can be chosen freely.
    """
    total = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    embedding_VD = network.get_input_embeddings().weight
    if rank and embedding_VD.requires_grad:
        total -= embedding_VD.numel() - rank * (sum(embedding_VD.shape) - rank)
    positions = learned_positions(network)
    return total, total - sum(weight.numel() for weight in positions if weight.requires_grad)


def learned_positions(network: PreTrainedModel) -> list[torch.nn.Parameter]:
    """The matrices with a row a position; none where positions are rotary, or there are none."""
    return [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Embedding) and re.search(r"(pos|wpe)[^.]*$", name)
    ]


def sizes_of(network: PreTrainedModel) -> dict[str, int]:
    """Depth, heads and widths in the names of `ModelConfig`, whether given, derived or chosen; those there are."""
    sizes = architecture(network.config.model_type).sizes
    return {field: getattr(network.config, key) for field, key in sizes.items() if getattr(network.config, key)}
