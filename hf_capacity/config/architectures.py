"""Types of causal language models: what their configs in transformers take, and how a `ModelConfig` becomes one."""

import difflib
import functools
import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from ..boundary.reading import quote
from .model_keys import FIELDS, SET_BY_THE_RUN, STANDARD_NAMES


# What some types call the width of their MLP, which has no standard name that all of them map.
MLP_WIDTHS = ("intermediate_size", "n_inner", "ffn_dim")
# Of a classifier on top there is nothing to drop.
DROPOUT = re.compile(r"(?!classifier|summary).*(dropout|pdrop)(_prob)?")
# Of what there may be many in a layer, such as `num_local_experts`; the most that a model has had is some hundred.
COUNT, MOST_COUNTED = re.compile(r"num_|n_"), 10_000
# Of what a library says of keys that it refuses.
LONGEST_CAUSE = 300
# A few that are named where a type is unknown.
WELL_KNOWN = ("gpt2", "llama", "gpt_neox", "mamba", "qwen3", "opt", "bloom")


@dataclass(frozen=True)
class Architecture:
    """A type of causal language models.

    Args:
        model_type: As in transformers.
        config_class: Its config.
        keys: What that takes, apart from what every config takes.
        sizes: Fields of `ModelConfig`, to those keys that they are: `n_embd` to `hidden_size`.
        dropouts: The keys that are dropouts.
    """

    model_type: str
    config_class: type[PreTrainedConfig]
    keys: frozenset[str]
    sizes: dict[str, str]
    dropouts: tuple[str, ...]

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """What may stand in a mapping, to the fields of `ModelConfig` that it sets."""
        fields = {field: field for field in FIELDS if field not in STANDARD_NAMES.values() or field in self.sizes}
        standard = {name: field for name, field in STANDARD_NAMES.items() if field in self.sizes}
        return fields | standard | {key: field for field, key in self.sizes.items()}

    @functools.cached_property
    def other_keys(self) -> frozenset[str]:
        """What else may stand there."""
        return self.keys - set(self.names) - {self._own(name) for name in SET_BY_THE_RUN}

    def config(self, model: Mapping[str, Any], vocab_size: int, block_size: int) -> PreTrainedConfig:
        """The config of a model whose width is known.

        What is not given follows from width and heads: the MLP has the type's own proportion, keys and values have as
        many heads as queries, a head has its share of the width, made even for rotary positions. What is read later,
        the block bounds as in training, also where the type itself knows no bound: its config says so.

        Raises:
            ValueError: Transformers refuses it.
        """
        settings = {key: model[field] for field, key in self.sizes.items() if model[field]}
        if "n_inner" in self.sizes and not model["n_inner"] and self._mlp_ratio:
            settings[self.sizes["n_inner"]] = max(1, round(model["n_embd"] * self._mlp_ratio))
        if "num_key_value_heads" in self.keys and model["n_head"]:
            settings["num_key_value_heads"] = model["n_head"]
        if "head_dim" in self.keys and model["n_head"]:
            settings["head_dim"] = 2 * -(-model["n_embd"] // model["n_head"] // 2)
        settings |= dict.fromkeys(self.dropouts, model["dropout"]) | model["other_keys"]
        settings |= {"vocab_size": vocab_size, "max_position_embeddings": block_size}
        settings |= dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
        settings |= {"tie_word_embeddings": model["tie_word_embeddings"], "use_cache": False}
        try:
            return self.config_class(**settings)
        except Exception as error:  # every type has checks of its own
            raise refusal(self.model_type, error) from error

    def check(self, model: Mapping[str, Any]) -> None:
        """Checks that what a model sets is there to be set.

        Raises:
            ValueError: Its type has no dropout, or transformers refuses a value.
        """
        for key, value in model["other_keys"].items():
            if COUNT.match(key) and isinstance(value, int) and value > MOST_COUNTED:
                raise ValueError(f"`model.{key}` (={quote(value)}) must not exceed {MOST_COUNTED:,}.")
        if model["dropout"] and not self.dropouts:
            raise ValueError(f"`model.dropout` (={model['dropout']}): {self.model_type} has none, leave it out.")
        if model["n_embd"]:
            self.config(model, vocab_size=1, block_size=1)

    def _own(self, name: str) -> str:
        return self.config_class.attribute_map.get(name, name)

    @functools.cached_property
    def _mlp_ratio(self) -> float | None:
        """The type's own MLP width for each unit of width; None where its config works that out itself."""
        defaults = self.config_class()
        width = getattr(defaults, self.sizes["n_inner"])
        return width / defaults.hidden_size if isinstance(width, int) else None  # some have a width a layer


@functools.cache
def architecture(model_type: str) -> Architecture:
    """Looks a type up.

    Raises:
        ValueError: Transformers has no causal language model of that type, or one that is made of several models.
    """
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        close = difflib.get_close_matches(str(model_type), MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, n=1, cutoff=0.8)
        hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(WELL_KNOWN)} and many more."
        raise ValueError(
            f"`model.model_type` (={quote(model_type)}) is no causal language model of transformers: {hint}"
        )
    config_class = CONFIG_MAPPING[model_type]
    keys = frozenset(inspect.signature(config_class).parameters) - set(inspect.signature(PreTrainedConfig).parameters)
    sizes = {field: config_class.attribute_map.get(name, name) for name, field in STANDARD_NAMES.items()}
    sizes["n_inner"] = next((name for name in MLP_WIDTHS if name in keys), "")
    sizes = {field: key for field, key in sizes.items() if key in keys}
    if "n_embd" not in sizes:
        raise ValueError(
            f"`model.model_type` (={quote(model_type)}) has no `hidden_size` of its own, it is made of several "
            f"models: take the one for text, such as `{model_type}_text` if there is one."
        )
    return Architecture(model_type, config_class, keys, sizes, tuple(filter(DROPOUT.fullmatch, sorted(keys))))


def refusal(model_type: str, error: Exception) -> ValueError:
    """What transformers or torch says of a model that they cannot build or run, in one line."""
    cause = textwrap.shorten(str(error), LONGEST_CAUSE)
    return ValueError(f"`model` cannot be a {model_type} with these keys: {type(error).__name__}: {cause}")
