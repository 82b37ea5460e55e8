"""The ladder: GPT-2-style models that compute exactly the study's bias-free ones."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, set_seed

from .config import ModelConfig


def gpt2_config(model: ModelConfig, vocab_size: int, block_size: int) -> GPT2Config:
    """The rung as a `GPT2Config`: pre-norm blocks, learned positions, tied head, exact GELU."""
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
        initializer_range=0.02,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
    )


def build_model(model: ModelConfig, vocab_size: int, block_size: int, model_seed: int) -> GPT2LMHeadModel:
    """A freshly initialised model; the seed stays set, for dropout.

    The study's models have no biases, `GPT2Config` always has them: zero and frozen, they compute the same function,
    and the model still loads anywhere with plain `AutoModelForCausalLM`.
    """
    set_seed(model_seed)
    # On the CPU the fused attention kernel is the slower one where sequences are many and tiny.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    network = GPT2LMHeadModel._from_config(gpt2_config(model, vocab_size, block_size), attn_implementation=attention)
    freeze_biases(network)
    return network


def freeze_biases(network: GPT2LMHeadModel) -> None:
    """Holds every bias where it is. Freezing is not saved with a model: do it again to train a loaded one."""
    for name, parameter in network.named_parameters():
        if name.endswith(".bias"):
            parameter.requires_grad_(False)


def count_parameters(network: GPT2LMHeadModel) -> tuple[int, int]:
    """`num_parameters` (all unique ones, without the zero biases) and `num_parameters_without_positions`."""
    unique = {name: parameter for name, parameter in network.named_parameters() if not name.endswith(".bias")}
    total = sum(parameter.numel() for parameter in unique.values())
    return total, total - network.transformer.wpe.weight.numel()
