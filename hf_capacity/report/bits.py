"""Which cells have bits, and by which yardstick."""

from ..analysis.cells import Cell


RANDOM_STRINGS = "random strings"
GIVEN_KEYS = "facts with given keys"
SHUFFLED_ANSWERS = "shuffled answers"
ITEMS = {RANDOM_STRINGS: "strings", GIVEN_KEYS: "facts", SHUFFLED_ANSWERS: "lines"}


def has_bits(cell: Cell) -> bool:
    """Whether the entropy of what it learnt is known."""
    return "bits" in cell.records[0]


def estimator_of(cell: Cell) -> str:
    """By which yardstick the bits of a cell were measured."""
    return cell.records[0]["bits"]["estimator"]
