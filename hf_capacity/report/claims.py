"""What sections contribute to the finding."""

from typing import NamedTuple

from ..analysis.cells import Mean


class Claim(NamedTuple):
    """A sentence of the finding or, if it stays open, a clause of its last sentence that begins with "whether".

    Args:
        text: Markdown; a sentence has its full stop, a clause has none.
        strength: What claims are sorted by, large ones first: how far from 0 the interval of a difference stays.
        is_open: Whether the runs leave it open.
    """

    text: str
    strength: float = 0
    is_open: bool = False


def distance_from_zero(difference: Mean) -> float:
    """How far the interval of a difference stays from 0; 0 where it has none, or holds 0, and nothing is said."""
    if difference.interval is None:
        return 0.0
    low, high = difference.interval
    return max(low, -high, 0.0)


def differs(difference: Mean) -> bool:
    """Whether the interval of a difference excludes 0."""
    return distance_from_zero(difference) > 0
