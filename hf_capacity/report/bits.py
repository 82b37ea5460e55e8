"""Which cells have bits, by which yardstick, and what others measured by it."""

from statistics import mean
from typing import NamedTuple

from ..analysis.cells import Cell


RANDOM_STRINGS = "random strings"
GIVEN_KEYS = "facts with given keys"
SHUFFLED_ANSWERS = "shuffled answers"


class Yardstick(NamedTuple):
    """How others have counted memorised bits.

    Args:
        items: What is memorised.
        per_parameter: The bits that a parameter was found to hold.
        source: By whom.
        measured: What they measured, in a sentence.
    """

    items: str
    per_parameter: float
    source: str
    measured: str


YARDSTICKS = {
    RANDOM_STRINGS: Yardstick(
        "strings",
        3.6,
        "Morris et al. 2025",
        "Morris et al. (2025, arXiv 2505.24832) measured 3.6 bits per parameter in bfloat16, 3.83 in float32 on "
        "average, 2.86 to 4.23 over all models.",
    ),
    GIVEN_KEYS: Yardstick(
        "facts",
        2.0,
        "Allen-Zhu & Li 2024",
        "Allen-Zhu & Li (2024, arXiv 2404.05405) measured 2 bits per parameter at 1,000 exposures of each fact, "
        "and 1 at 100.",
    ),
    SHUFFLED_ANSWERS: Yardstick(
        "lines",
        2.16,
        "Song & Ye 2026",
        "Song & Ye (2026, arXiv 2605.09724) measured 2.16 bits per parameter, as the slope over parameters, with "
        "labels drawn independently.",
    ),
}


def has_bits(cell: Cell) -> bool:
    """Whether the entropy of what it learnt is known."""
    return "bits" in cell.records[0]


def estimator_of(cell: Cell) -> str:
    """By which yardstick the bits of a cell were measured."""
    return cell.records[0]["bits"]["estimator"]


def demanded_bits(cell: Cell) -> float:
    """The entropy of what a cell's runs read, their exact mean: that of shuffled answers differs a little by seed."""
    return mean(record["bits"]["demanded"] for record in cell.records)
