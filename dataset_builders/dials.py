"""Whether a dial is set to something possible: each mistake is told in one line, before anything is built."""

from collections.abc import Collection, Iterable
from typing import Any


# A text beyond either would no longer fit into an ordinary memory.
MOST_LINES, MOST_CHARACTERS = 10_000_000, 100_000_000


def check_whole_number(name: str, value: Any, low: int, high: int, reason: str = "") -> None:
    """A `ValueError` unless `value` is a whole number from `low` to `high`; `reason` says why these."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"`{name}` must be a whole number from {low:,} to {high:,}{reason}; got {value!r}.")


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """A `ValueError` unless `value` is one of `choices`."""
    if value not in tuple(choices):
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}.")


def check_flag(name: str, value: Any) -> None:
    """A `ValueError` unless `value` is true or false."""
    if type(value) is not bool:
        raise ValueError(f"`{name}` must be true or false; got {value!r}.")


def listed(names: Iterable) -> str:
    """The names as a message tells them."""
    return ", ".join(map(repr, names))


def shortened(value: Any) -> str:
    """The value as a message tells it, in no more than a line."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:120]} ... {text[-60:]}"
