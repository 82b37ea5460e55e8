"""Words of syllables for people who do not exist, and for what is said of them: none can be taken for another."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


VOWELS = "aeiou"
# Names and values share no consonant, and every attribute has one of the names': none can be mistaken for another.
NAME_SYLLABLES = ["".join(pair) for pair in itertools.product("bdklmnprstz", VOWELS)]
VALUE_SYLLABLES = ["".join(pair) for pair in itertools.product("vcfhjqwxy", VOWELS)]
VALUE_LETTERS = "".join(sorted(set("".join(VALUE_SYLLABLES))))
ATTRIBUTES = (
    *("city", "job", "pet", "food", "drink", "sport", "song", "tree", "bird", "colour"),
    *("game", "stone", "metal", "cloth", "dance", "tool", "book", "star", "land", "number"),
)
SYLLABLE_LENGTH = 2
# A first name and a surname, of two syllables each.
MOST_NAMES = len(NAME_SYLLABLES) ** 4
NAME_LENGTH = 4 * SYLLABLE_LENGTH + 1
# In syllables.
LONGEST_VALUE = 4
MOST_VALUES = len(VALUE_SYLLABLES) ** LONGEST_VALUE


def names(number: int) -> pa.Array:
    """The first `number` people, of `MOST_NAMES`: first name and surname, `NAME_LENGTH` characters."""
    first, last = np.divmod(_apart(np.arange(number), MOST_NAMES), len(NAME_SYLLABLES) ** 2)
    words = [pc.utf8_capitalize(_spelled(part, NAME_SYLLABLES, 2)) for part in (first, last)]
    return pc.binary_join_element_wise(*words, " ")


def values(numbers: np.ndarray, num_values: int) -> pa.Array:
    """A word for each number below `num_values`, of `value_length(num_values)` characters."""
    num_syllables = value_length(num_values) // SYLLABLE_LENGTH
    return _spelled(_apart(numbers, len(VALUE_SYLLABLES) ** num_syllables), VALUE_SYLLABLES, num_syllables)


def value_length(num_values: int) -> int:
    """Characters of a value: as few syllables as are enough for all values to differ, but two at least."""
    enough = (n for n in range(2, LONGEST_VALUE) if len(VALUE_SYLLABLES) ** n >= num_values)
    return SYLLABLE_LENGTH * next(enough, LONGEST_VALUE)


def _apart(numbers: np.ndarray, below: int) -> np.ndarray:
    """Moves the whole numbers below `below` about, one to one, so that neighbours come to lie far apart."""
    golden_section = round(below * (math.sqrt(5) - 1) / 2)
    step = next(step for step in itertools.count(golden_section) if math.gcd(step, below) == 1)
    return numbers * step % below


def _spelled(numbers: np.ndarray, syllables: list[str], length: int) -> pa.Array:
    """Writes each number with `length` syllables for digits."""
    places = np.unravel_index(numbers, (len(syllables),) * length)
    return pc.binary_join_element_wise(*(pa.array(syllables).take(pa.array(place)) for place in places), "")
