"""Whether a dial is set to something possible: each mistake is reported in one line, before anything is built."""

import reprlib
from collections.abc import Collection, Iterable
from typing import Any


# A text beyond either would no longer fit into an ordinary memory.
MOST_LINES, MOST_CHARACTERS = 10_000_000, 100_000_000

# Of names in a message: the longest list of ours, the dials of `arithmetic`, has 17.
MOST_LISTED = 30


def check_whole_number(name: str, value: Any, low: int, high: int, reason: str = "") -> None:
    """A `ValueError` unless `value` is a whole number from `low` to `high`; `reason` says why these."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"`{name}` must be a whole number from {low:,} to {high:,}{reason}; got {shorten(value)}.")


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """A `ValueError` unless `value` is one of `choices`."""
    if value not in tuple(choices):
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {shorten(value)}.")


def check_flag(name: str, value: Any) -> None:
    """A `ValueError` unless `value` is true or false."""
    if type(value) is not bool:
        raise ValueError(f"`{name}` must be true or false; got {shorten(value)}.")


def number_withheld(fraction: Any, number: int, what: str) -> int:
    """How many of `number` a `withheld_fraction` is, rounded; a `ValueError` if that is none or all of them.

    Args:
        fraction: The dial's value.
        number: All there are.
        what: What they are, for the message: `pairs`, ...
    """
    withheld = round(fraction * number) if type(fraction) in (int, float) and 0 < fraction < 1 else 0
    if not 1 <= withheld < number:
        raise ValueError(
            f"`withheld_fraction` must withhold at least one of the {number:,} {what} and leave one, such as 0.1; got "
            f"{shorten(fraction)}."
        )
    return withheld


def listed(names: Iterable) -> str:
    """The names as a message lists them."""
    names = [*names]
    more = [f"{len(names) - MOST_LISTED} more"] if len(names) > MOST_LISTED else []
    return ", ".join([*map(shorten, names[:MOST_LISTED]), *more])


def shorten(value: Any) -> str:
    """The value as a message shows it, in no more than a line."""
    shortener = reprlib.Repr()  # neither deep nor long ones are written out first
    shortener.maxstring = shortener.maxother = shortener.maxlong = 180
    shortener.maxdict = shortener.maxlist = shortener.maxtuple = shortener.maxset = 12
    text = shortener.repr(value)
    return text if len(text) <= 200 else f"{text[:120]} ... {text[-60:]}"
