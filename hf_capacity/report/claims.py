"""What sections contribute to the finding."""

from typing import NamedTuple


# Of five runs a side the exact test can reach p = 0.008, of three it cannot reach 0.05.
FEWEST_RUNS = 5
SIGNIFICANT = 0.05


class Claim(NamedTuple):
    """A sentence of the finding or, if it stays open, a clause of its last sentence that begins with "whether".

    Args:
        text: Markdown; a sentence has its full stop, a clause has none.
        strength: What claims are sorted by, small ones first, such as a p value.
        is_open: Whether the runs leave it open.
    """

    text: str
    strength: float
    is_open: bool = False
