"""The model as data: a rung of the ladder, or any causal language model of transformers, by the keys of its config."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_serializer, model_validator
from pydantic.dataclasses import dataclass

from ..boundary.reading import PLAIN_NUMBER, check_plain, quote
from .model_keys import FIELDS, LADDERS_KEYS, LADDERS_TYPE, SET_BY_THE_RUN, STANDARD_NAMES


STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
# Nothing that is counted here comes near; beyond it numbers no longer fit into those of the libraries.
MOST = 10**9
# The largest models trained so far have some hundred layers and 10^12 parameters.
MOST_LAYERS, MOST_PARAMETERS = 1_000, 10**12
# Of initial weights: standard deviations beyond it overflow in no time.
MOST_SPREAD = 10


def as_whole_number(value: Any) -> Any:
    """A whole number however it is written: `1e3` is 1000."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_number(value: Any) -> Any:
    """A number that YAML 1.1 takes for text, such as `1e-3`; what is none stays what it is, and is refused."""
    return float(value) if isinstance(value, str) and PLAIN_NUMBER.fullmatch(value) else value


PositiveInt = Annotated[int, BeforeValidator(as_whole_number), Field(strict=True, gt=0, le=MOST)]
Number = Annotated[float, BeforeValidator(as_number), Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


def left_out_at(default: Any) -> Any:
    """A field that `to_dict` leaves out where it has its default: `bf16: bool = left_out_at(False)`.

    Every key that `ExperimentConfig`, or what lies in it, gets from now on is declared so: a config from before it was
    there keeps its run id.
    """
    return Field(default=default, exclude_if=lambda value: value == default)


@dataclass(kw_only=True, frozen=True, config=STRICT)
class ModelConfig:
    """A causal language model.

    In a mapping `other_keys` stand beside the fields, and sizes may have their standard names, or those of the type:
    `{model_type: llama, hidden_size: 32, num_key_value_heads: 1}`.

    Args:
        name: The rung that it is, or that it was changed from.
        model_type: As in transformers. `gpt2` is the ladder's: without biases, and an MLP as wide as the model.
        n_layer: Layers (`num_hidden_layers`).
        n_head: Attention heads (`num_attention_heads`): one unless given, None where the type has none.
        n_embd: Width (`hidden_size`); it, or `num_parameters`, has to be given.
        n_inner: Width of the MLP (`intermediate_size`); unless given, in the type's own proportion to `n_embd`.
        dropout: Every dropout that the type has.
        num_parameters: A number of parameters to aim at. `models.build.resolve_width` chooses the width for it, once
            the alphabet is known.
        tie_word_embeddings: Whether the head that predicts the next token is the token embedding, as in the paper, or
            a matrix of its own.
        other_keys: What else the config of the type takes; of the ladder's, `initializer_range`, the standard
            deviation of its initial weights.
    """

    name: str | None = None
    model_type: str = left_out_at(LADDERS_TYPE)
    n_layer: Annotated[PositiveInt, Field(le=MOST_LAYERS)] = 1
    n_head: PositiveInt | None = left_out_at(None)
    n_embd: PositiveInt | None = left_out_at(None)
    n_inner: PositiveInt | None = left_out_at(None)
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    num_parameters: Annotated[Number, Field(gt=0, le=MOST_PARAMETERS)] | None = left_out_at(None)
    tie_word_embeddings: Flag = left_out_at(True)
    other_keys: dict[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_mapping(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = {"name": given}
        if not isinstance(given, dict):  # the fields, one by one
            return given
        fields = _in_our_names(given)
        if fields.get("name") is None:
            return fields
        if not isinstance(fields["name"], str) or fields["name"] not in LADDER:
            raise ValueError(f"unknown rung {quote(fields['name'])}; the ladder has {', '.join(LADDER)}")
        if fields.get("model_type", LADDERS_TYPE) != LADDERS_TYPE or fields.get("num_parameters") is not None:
            raise ValueError(
                f"`model.name` (={quote(fields['name'])}) is a rung, whose type and width are given: leave out "
                "`name`, or `model_type` and `num_parameters`."
            )
        return vars(LADDER[fields["name"]]) | fields

    @model_validator(mode="after")
    def _fits_together(self):
        for key, value in self.other_keys.items():
            check_plain(f"model.{key}", value)
        if self.n_embd is None and self.num_parameters is None:
            raise ValueError("`model.n_embd` is missing: give it, or a `num_parameters` to aim at.")
        if self.n_embd is not None and self.num_parameters is not None:
            raise ValueError(
                f"`model.n_embd` (={self.n_embd}) and `model.num_parameters` (={self.num_parameters:g}) both say how "
                "wide the model is: give one of them."
            )
        if self.n_embd is not None and self.n_layer * self.n_embd**2 > MOST_PARAMETERS:
            raise ValueError(
                f"`model.n_layer` (={self.n_layer:,}) x `model.n_embd` (={self.n_embd:,}) squared must not exceed "
                f"{MOST_PARAMETERS:,}: no machine holds such a model."
            )
        if self.model_type == LADDERS_TYPE:
            self._set(n_head=self.n_head or 1, n_inner=self.n_inner or self.n_embd)
            self._set(other_keys=_check_ladders_keys(self.other_keys))
        else:
            from .architectures import architecture

            if "n_head" in architecture(self.model_type).sizes:
                self._set(n_head=self.n_head or 1)
        if self.n_embd and self.n_head and self.n_embd % self.n_head:
            raise ValueError(f"`n_embd` (={self.n_embd}) must be divisible by `n_head` (={self.n_head}).")
        if self.model_type != LADDERS_TYPE:
            architecture(self.model_type).check(vars(self))
        return self

    def _set(self, **fields: Any) -> None:
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @model_serializer(mode="wrap")
    def _flat(self, fields_of: Callable[["ModelConfig"], dict[str, Any]]) -> dict[str, Any]:
        fields = fields_of(self)
        others = fields.pop("other_keys")
        return fields | others

    @property
    def label(self) -> str:
        """What tables call it (see `label_of`)."""
        return label_of(vars(self))


def _in_our_names(given: dict[str, Any]) -> dict[str, Any]:
    """The fields that a mapping sets, whatever name they have in it, and `other_keys`."""
    model_type = given.get("model_type", LADDERS_TYPE)
    if not isinstance(model_type, str):
        raise ValueError(f"`model.model_type` (={quote(model_type)}) must be the name of a type, such as llama.")
    if model_type == LADDERS_TYPE:
        names, others = STANDARD_NAMES | dict(zip(FIELDS, FIELDS, strict=True)), frozenset(LADDERS_KEYS)
    else:
        from .architectures import architecture

        names, others = architecture(model_type).names, architecture(model_type).other_keys
    fields: dict[str, Any] = {}
    other_keys = {}
    for key, value in given.items():
        if key in SET_BY_THE_RUN:
            raise ValueError(
                f"`model.{key}` (={quote(value)}) is decided by alphabet, block and protocol: leave it out."
            )
        if key not in names and key not in others:
            close = difflib.get_close_matches(str(key), [*names, *others], n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(sorted({*names, *others}))}."
            raise ValueError(f"`model.{quote(str(key))[1:-1]}` is no key of {model_type}: {hint}")
        if names.get(key) in fields:
            raise ValueError(f"`model.{key}` (={quote(value)}) is given under another name too: give one of them.")
        (fields if key in names else other_keys)[names.get(key, key)] = value
    return fields | ({"other_keys": other_keys} if other_keys else {})


def _check_ladders_keys(other_keys: dict[str, Any]) -> dict[str, float]:
    """Those that are not at the paper's value: the same model has one id."""
    given = {key: as_number(value) for key, value in other_keys.items()}
    for key, value in given.items():
        if type(value) not in (int, float) or not 0 < value <= MOST_SPREAD:
            raise ValueError(f"`model.{key}` (={quote(value)}) must be a number above 0, at most {MOST_SPREAD}.")
    return {key: float(value) for key, value in given.items() if value != LADDERS_KEYS.get(key)}


# "Too Big to Think" (arXiv 2506.09099): one layer and one head of growing width, and a model of ordinary proportions.
LADDER = {
    "n14": ModelConfig(name="n14", n_layer=1, n_head=1, n_embd=14, n_inner=14),
    "n28": ModelConfig(name="n28", n_layer=1, n_head=1, n_embd=28, n_inner=28),
    "n56": ModelConfig(name="n56", n_layer=1, n_head=1, n_embd=56, n_inner=56),
    "mlt": ModelConfig(name="mlt", n_layer=6, n_head=6, n_embd=384, n_inner=1536, dropout=0.2),
}


def label_of(model: Mapping[str, Any]) -> str:
    """What tables call a model: its name, or its type unless it is the ladder's, and its sizes.

    `n14`, `L2-d32-h2`, `llama-L2-d32-h2`, `mamba-L2-d32`; of one that aims at a number of parameters `gpt2-50k`, with
    depth and heads where they are more than one: `llama-L2-50k`.

    Args:
        model: A `ModelConfig`'s fields, such as `config.model` of a record; those at their defaults may be missing.
    """
    if model["name"]:
        return model["name"]
    model_type, target = model.get("model_type") or LADDERS_TYPE, model.get("num_parameters")
    sizes = {"L": model["n_layer"], "d": model.get("n_embd"), "h": model.get("n_head")}
    smallest_told = 2 if target else 1
    parts = [f"{letter}{size}" for letter, size in sizes.items() if size and size >= smallest_told]
    if target or model_type != LADDERS_TYPE:
        parts.insert(0, model_type)
    return "-".join(parts + ([_rounded(target)] if target else []))


def _rounded(number: float) -> str:
    """`50k`, `1.5M`: six digits at most."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"
