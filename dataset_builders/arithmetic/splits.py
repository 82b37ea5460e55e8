"""Which equations are withheld: a rule for every kind of split."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dataset_builders.building import (
    MOST_LINES,
    check_choice,
    check_whole_number,
    drawn_order,
    number_withheld,
    shorten,
)

from .config import ArithmeticConfig
from .equations import Equations


# Which settings of `ArithmeticConfig` belong to which kind of withheld split.
SPLITS = {
    "pairs": ("withheld_pairs", "drawn_pairs"),
    "random": ("withheld_fraction",),
    "operand": ("withheld_operand",),
    "digit": ("withheld_digit", "withheld_position"),
    "length": ("longest_in_training",),
}
# Whether the equations of these operands, `a` and `b` of one shape, are withheld.
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def withheld_rule(config: ArithmeticConfig, equations: Equations) -> Rule:
    """Which equations are withheld.

    Raises:
        `ValueError`: if the config is impossible.
    """
    check_choice("withheld_split", config.withheld_split, SPLITS)
    for split, settings in SPLITS.items():
        for name in settings:
            if split != config.withheld_split and getattr(config, name) is not None:
                raise ValueError(
                    f"`{name}` (={shorten(getattr(config, name))}) is for the split {split!r}, but "
                    f"`withheld_split` is {config.withheld_split!r}: leave one of them out, or name another config "
                    f"than {config.name!r}."
                )
    rules = {"pairs": _pairs, "random": _fraction, "operand": _operand, "digit": _digit, "length": _length}
    return rules[config.withheld_split](config, equations)


def _pairs(config: ArithmeticConfig, equations: Equations) -> Rule:
    number = equations.num_operands
    if equations.size > MOST_LINES:
        raise ValueError(
            f"`withheld_split` 'pairs' is for at most {MOST_LINES:,} equations: among {equations.size:,}, a few pairs "
            "would not be found by chance. Take another split, or fewer operands."
        )
    if (config.withheld_pairs is None) == (config.drawn_pairs is None):
        raise ValueError(
            f"`withheld_pairs` (={shorten(config.withheld_pairs)}) names the pairs, and `drawn_pairs` "
            f"(={shorten(config.drawn_pairs)}) has `split_seed` draw them: give one of the two. The config "
            "'paper' has the first, 'rotating_pair' the second."
        )
    if config.withheld_pairs is not None:
        _check_pairs(config.withheld_pairs, number)
        return _one_of(*np.array(config.withheld_pairs).T, number)
    small, large = np.triu_indices(number, 1)
    check_whole_number("drawn_pairs", config.drawn_pairs, 1, len(small) - 1)
    # In a fixed order without a pattern, so that a few seeds already meet small and large operands.
    order = drawn_order(len(small), "pairs")
    start = config.split_seed * config.drawn_pairs % len(small)
    drawn = order[(start + np.arange(config.drawn_pairs)) % len(small)]
    return _one_of(small[drawn], large[drawn], number)


def rotation(config: ArithmeticConfig) -> int | None:
    """How many `split_seed`s in a row withhold every pair of different operands equally often: once if `drawn_pairs`
    divides their number. None where `split_seed` draws no such pairs.

    Raises:
        `ValueError`: if the config is impossible.
    """
    if config.withheld_split != "pairs" or config.drawn_pairs is None:
        return None
    equations = Equations(config)
    withheld_rule(config, equations)  # as it would be drawn
    number = math.comb(equations.num_operands, 2)
    return number // math.gcd(number, config.drawn_pairs)


def _one_of(first: np.ndarray, second: np.ndarray, number: int) -> Rule:
    """Withholds some unordered pairs of the operands below `number`."""

    withheld = _identity(first, second, number)
    return lambda a, b: np.isin(_identity(a, b, number), withheld)


def _identity(a: np.ndarray, b: np.ndarray, number: int) -> np.ndarray:
    """A number for each unordered pair of operands below `number`: its own, up to 2**32 operands.

    Of more operands, a few pairs that have nothing else in common share one, and are withheld or read together.
    """
    small, large = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    return small * np.uint64(number) + large


def _check_pairs(pairs: Any, number: int) -> None:
    is_list = isinstance(pairs, (list, tuple)) and all(isinstance(pair, (list, tuple)) for pair in pairs)
    if not is_list or any(
        len(pair) != 2 or any(type(operand) is not int or not 0 <= operand < number for operand in pair)
        for pair in pairs
    ):
        raise ValueError(
            f"`withheld_pairs` must list pairs of operands from 0 to {number - 1:,}, such as [[0, 1]]; got "
            f"{shorten(pairs)}."
        )
    distinct = {(min(pair), max(pair)) for pair in pairs}
    if len(distinct) < len(pairs):
        raise ValueError(
            f"`withheld_pairs` must name a pair once, [5, 7] being [7, 5]; got {shorten(pairs)}. Drop the repeats."
        )
    num_pairs = number * (number + 1) // 2
    if not 1 <= len(distinct) < num_pairs:
        raise ValueError(
            f"`withheld_pairs` must name 1 to {num_pairs - 1:,} of the {num_pairs:,} pairs, so that some are left to "
            f"extrapolate to and some to read; got {len(distinct)}."
        )


def _fraction(config: ArithmeticConfig, equations: Equations) -> Rule:
    number, fraction, seed = equations.num_operands, config.withheld_fraction, f"withheld-{config.split_seed}"
    num_pairs = number * (number + 1) // 2
    num_withheld = number_withheld(fraction, num_pairs, "pairs")
    if num_pairs > MOST_LINES:
        return lambda a, b: _hashed(_identity(a, b, number), seed) < fraction
    small, large = np.triu_indices(number)
    drawn = drawn_order(num_pairs, seed)[:num_withheld]
    return _one_of(small[drawn], large[drawn], number)


def _hashed(identities: np.ndarray, seed: str) -> np.ndarray:
    """A number in [0, 1) for each identity, the same wherever it comes: SplitMix64 (Steele, Lea & Flood 2014)."""
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    mixed = identities * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64


def _operand(config: ArithmeticConfig, equations: Equations) -> Rule:
    number, operand = equations.num_operands, config.withheld_operand
    if operand is None:
        operand = config.split_seed % number
    check_whole_number("withheld_operand", operand, 0, number - 1)
    return lambda a, b: (a == operand) | (b == operand)


def _digit(config: ArithmeticConfig, equations: Equations) -> Rule:
    _check_notation(config)
    digit = config.split_seed % 10 if config.withheld_digit is None else config.withheld_digit
    check_whole_number("withheld_digit", digit, 0, 9)
    position = config.withheld_position
    check_whole_number("withheld_position", position, 0, equations.num_digits - 1, " (0 for the units)")

    def has_it(operands: np.ndarray) -> np.ndarray:
        has_position = config.zero_padded | (operands >= 10**position) | (position == 0)
        return has_position & (operands // 10**position % 10 == digit)

    return lambda a, b: has_it(a) | has_it(b)


def _length(config: ArithmeticConfig, equations: Equations) -> Rule:
    _check_notation(config)
    limit = operands_read(config, equations)
    return lambda a, b: (a >= limit) | (b >= limit)


def operands_read(config: ArithmeticConfig, equations: Equations) -> int:
    """From which operand on all are withheld, if from any: there is no need to look for equations to read there."""
    if config.withheld_split != "length":
        return equations.num_operands
    high = max(1, equations.num_digits - 1)
    check_whole_number("longest_in_training", config.longest_in_training, 1, high, ", below the longest there is")
    return min(10**config.longest_in_training, equations.num_operands)


def _check_notation(config: ArithmeticConfig) -> None:
    if config.notation != "digits":
        raise ValueError(
            f"`withheld_split` {config.withheld_split!r} goes by the digits of operands, but `notation` is "
            f"{config.notation!r}: take 'digits', or another split."
        )
