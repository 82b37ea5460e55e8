"""What stands in a row of a batch, and in front of a question: what the keys for it take, and which go together."""

from typing import Any

from ..boundary.reading import quote
from .model import MOST, as_whole_number
from .model_keys import LADDERS_TYPE


# What is for rows of lines alone, and the value at which it does nothing.
LINE_KEYS = {
    "lines_per_row": 1,
    "cut_in_front": False,
    "random_offset": False,
    "replacement": False,
    "loss_on": "text",
    "exposures": None,
}


def as_asked_after(value: Any) -> Any:
    """What stands before a question: `nothing`, a `newline`, or so many training lines.

    Raises:
        ValueError: It is something else.
    """
    number = as_whole_number(value)
    is_number = type(number) is int and 0 < number <= MOST
    if value is not None and value not in ("nothing", "newline") and not is_number:
        raise ValueError(f"`asked_after` (={quote(value)}) must be nothing, newline, or a number of training lines.")
    return number


def check_rows(config: Any) -> None:
    """Checks that what is set of the rows of an `ExperimentConfig` means something for its batches and its model.

    Raises:
        ValueError: It does not.
    """
    given = {key: getattr(config, key) for key, default in LINE_KEYS.items() if getattr(config, key) != default}
    if given and config.batches != "lines":
        key, value = next(iter(given.items()))
        raise ValueError(
            f"`{key}` (={value}) is for whole lines, and `batches` is {config.batches!r}: leave it out, or take "
            "`batches: lines`."
        )
    if config.random_offset and config.model.model_type != LADDERS_TYPE:
        raise ValueError(
            f"`random_offset` shifts the learned positions of a {LADDERS_TYPE}, and `model.model_type` is "
            f"{config.model.model_type!r}: leave one of them out."
        )
