"""What the token embeddings of a run begin as, and what training may change of them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer
from pydantic.dataclasses import dataclass

from .model import STRICT, Flag, PositiveInt, left_out_at
from .sources import Source, as_source


def _as_init(given: Any) -> Any:
    return given if given in ("random", "line") else as_source("embeddings.init", given)


Init = Annotated[Literal["random", "line"] | Source, BeforeValidator(_as_init), PlainSerializer(str)]
StartFrom = Annotated[Source, BeforeValidator(lambda given: as_source("start_from", given)), PlainSerializer(str)]


@dataclass(kw_only=True, frozen=True, config=STRICT)
class EmbeddingsConfig:
    """Interventions on the token embedding, which a tied head shares.

    Args:
        init: `random`, the usual draw; `line`, the digits at even distances on a straight line in numeric order, as
            large together as they were drawn; or the folder of a finished run, whose embedding of every character
            that both have is copied.
        frozen: Whether it stays as it began, and with it a tied head. What is frozen is no parameter.
        rank: How many directions it is factored through: after each step it is replaced by the nearest matrix of this
            rank.
    """

    init: Init = left_out_at("random")
    frozen: Flag = left_out_at(False)
    rank: PositiveInt | None = left_out_at(None)


def check_embeddings(config: Any) -> None:
    """Checks that what an `ExperimentConfig` says of its initial weights goes together.

    Raises:
        ValueError: It does not.
    """
    embeddings, model = config.embeddings, config.model
    if embeddings.rank and model.n_embd and embeddings.rank > model.n_embd:
        raise ValueError(
            f"`embeddings.rank` (={embeddings.rank}) must not exceed the width, `n_embd` (={model.n_embd})."
        )
    # The logits of points on a line are linear along it: the largest is always that of an end.
    on_a_line = embeddings.init == "line" and embeddings.frozen
    if (on_a_line or embeddings.rank == 1) and model.tie_word_embeddings:
        held = "`embeddings.rank` (=1)" if embeddings.rank == 1 else "`embeddings` on a `line`, `frozen`,"
        written = "two characters at most" if embeddings.rank == 1 else "no digits but the first and the last"
        raise ValueError(
            f"{held} with a tied head can write {written}, whatever it learns: give the head a matrix of its own, "
            "`model.tie_word_embeddings: false`."
        )
    if config.start_from and embeddings.init != "random":
        raise ValueError(
            f"`embeddings.init` (={str(embeddings.init)!r}) and `start_from` both say what the embeddings begin as: "
            "give one of them."
        )
    if config.start_from and "initializer_range" in model.other_keys:
        raise ValueError(
            f"`model.initializer_range` (={model.other_keys['initializer_range']}) is for weights that are drawn, and "
            "`start_from` copies them: give one of them."
        )


def by_digest(key: str, value: Any) -> Any:
    """A value of a study's grid or settings as configs have it: what is begun from by its digest.

    Args:
        key: The key of a run that it is for, dotted where it lies deeper; empty for a mapping of several keys.
        value: What is set.

    Raises:
        ValueError: A source is none (see `as_source`).
    """
    if isinstance(value, dict):
        return {inner: by_digest(f"{key}.{inner}" if key else inner, entry) for inner, entry in value.items()}
    if key == "start_from" and value is not None:
        return str(as_source(key, value))
    return str(_as_init(value)) if key == "embeddings.init" else value
