"""Names and values of invented people, spelled by a slow twin."""

import math


def word(number, consonants, length):
    """A number in syllables, the last of them for its units; moved about as far as the golden section says."""
    syllables = [consonant + vowel for consonant in consonants for vowel in "aeiou"]
    below = len(syllables) ** length
    step = round(below * (5**0.5 - 1) / 2)
    while math.gcd(step, below) > 1:
        step += 1
    number, spelled = number * step % below, []
    for _ in range(length):
        number, unit = divmod(number, len(syllables))
        spelled.insert(0, syllables[unit])
    return "".join(spelled)
