"""Whether a model from anywhere can be scored honestly: causal, whole, finite, and with a tokenizer that reads it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from ..boundary.reading import quote, read_json
from .build import sees_ahead
from .generation import num_positions


CAUSAL = frozenset(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
POSITIONS_TRIED = 8
TOKENIZER_FILES = ("tokenizer", "vocab", "spiece", "sentencepiece")


def check_description(source: str | Path, folder: Path) -> None:
    """Refuses what its config calls another sort of model, and a folder without a tokenizer.

    Raises:
        ValueError: It is one, or has none.
    """
    config = read_json(folder / "config.json")
    named = config.get("architectures") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise ValueError(
            f"{source} cannot be loaded: `architectures` (={quote(named)}) in its config.json names none."
        )
    if named and not CAUSAL & set(named):
        raise ValueError(
            f"{source} is a {named[0]}, which is no causal language model: it does not write from left to right."
        )
    if config.get("is_encoder_decoder"):
        raise ValueError(f"{source} has an encoder beside its decoder: only causal language models are scored here.")
    if not any(path.name.startswith(TOKENIZER_FILES) for path in folder.iterdir()):
        raise ValueError(f"{source} has no tokenizer beside its weights: save the one that it was trained with there.")


def check_weights(source: str | Path, model: PreTrainedModel, found: dict[str, Any]) -> None:
    """Refuses weights that are not the model's, or that no model has.

    Args:
        source: What messages call it.
        model: As it was loaded.
        found: What `from_pretrained` says of the loading.

    Raises:
        ValueError: Some are missing, not used, of another size or not finite.
    """
    for kind, words in (
        ("mismatched_keys", "of another size than its config says"),
        ("missing_keys", "missing, so that it would write at random"),
        ("unexpected_keys", "of no use to the model that its config describes"),
    ):
        names = sorted(str(name) for name in found.get(kind) or ())
        if names:
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(
                f"{source} is no causal language model as it stands: {quote(names[0])[1:-1]}{more}: {words}."
            )
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise ValueError(f"{source} has weights that are not finite, in {name}: what it writes means nothing.")


def check_causality(source: str | Path, model: PreTrainedModel) -> None:
    """Refuses a model whose positions see what follows them, whatever its config says.

    Raises:
        ValueError: They do, or it cannot be run.
    """
    try:
        ahead = sees_ahead(model, min(POSITIONS_TRIED, num_positions(model)))
    except Exception as error:  # whatever a type's code makes of somebody's config
        raise ValueError(f"{source} cannot be run: {type(error).__name__}: {quote(str(error))[1:-1]}") from error
    if ahead:
        raise ValueError(f"{source} is no causal language model: its positions see the answers that follow them.")


def check_round_trip(source: str | Path, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
    """Refuses a tokenizer that does not give back what it reads: then what a model writes cannot be compared.

    Raises:
        ValueError: It changes or loses characters.
    """
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        back = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if back.removeprefix(" ") != text.removeprefix(" "):  # some put a space before a text's first word
            raise ValueError(
                f"{source} cannot be scored: its tokenizer makes {quote(back)} of {quote(text)}, so that its "
                "answers cannot be compared."
            )
