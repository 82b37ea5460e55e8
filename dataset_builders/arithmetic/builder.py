"""Additions, subtractions, multiplications and divisions, some of them withheld.

The line `<5+3=8> ` is asked as the prompt `<5+3=`, whose answer is `8`, closed by `>`.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    DIGITS,
    MOST_LINES,
    Demand,
    Numerals,
    QuestionBuilder,
    Splits,
    check_whole_number,
    drawn_order,
    first_symbols,
    generator,
)

from .config import CONFIGS, ArithmeticConfig
from .equations import KINDS, Equations
from .labels import bits_of_the_order, labels_of
from .splits import operands_read, rotation, withheld_rule


# Equations drawn at a time from more than can be gone through one by one.
DRAWN_AT_ONCE = 1_000_000
# The numbers of equations to whether each of them is wanted.
Wanted = Callable[[np.ndarray], np.ndarray]


class Arithmetic(QuestionBuilder):
    """Config `paper`: `a+b` and `a-b` of all digits, 200 questions, 196 lines of 9 characters, 1,764 together."""

    title = "Arithmetic with withheld equations"
    paper = "2506.09099"
    example = "<5+3="

    BUILDER_CONFIG_CLASS = ArithmeticConfig
    BUILDER_CONFIGS = CONFIGS
    DEFAULT_CONFIG_NAME = "paper"

    @staticmethod
    def tables(config: ArithmeticConfig) -> Splits:
        equations = Equations(config)
        lines, withheld = _both_sides(config, equations)
        train = equations.table(lines, seen=True, labels=labels_of(config, equations, lines))
        if config.shuffled_answers:
            withheld = withheld[:0]  # no line says what they would be answered
        asked = pa.concat_tables([train[: config.num_questions], equations.table(withheld, seen=False)])
        in_order = np.argsort(np.concatenate([lines[: config.num_questions], withheld]))
        return {"train": train, "questions": asked.take(pa.array(in_order))}

    @staticmethod
    def demand(config: ArithmeticConfig) -> Demand | None:
        if not config.shuffled_answers:
            return None
        equations = Equations(config)
        lines, _ = _both_sides(config, equations)
        labels, operation = labels_of(config, equations, lines), equations.parts(lines)[2]
        answers = equations.table(lines, seen=True, labels=labels)["answer"]
        bits = bits_of_the_order(labels, operation)
        return Demand(
            estimator="shuffled answers",
            bits=bits,
            num_items=len(lines),
            bits_per_item=bits / len(lines),
            num_scored_tokens=pc.sum(pc.utf8_length(answers)).as_py() + len(lines),
            scored="answer and end",  # an answer may begin like a longer one
            kinds=tuple(f"{labels.change} {KINDS[sign]}" for sign in equations.operations),
            alphabet="".join(sorted(set("".join(pc.unique(answers).to_pylist())))),
            source="Song & Ye (2026), arXiv 2605.09724",
        )

    @staticmethod
    def rotation(config: ArithmeticConfig) -> int | None:
        return rotation(config)

    @staticmethod
    def numerals(config: ArithmeticConfig) -> Numerals:
        if config.notation == "symbols":
            return Numerals(symbols=first_symbols(config.modulus), modulus=config.modulus)
        is_residue = config.modulus is not None and config.modulus <= len(DIGITS)
        symbols, modulus = (DIGITS[: config.modulus], config.modulus) if is_residue else (DIGITS, None)
        return Numerals(symbols=symbols, modulus=modulus, reversed_answer=config.reversed_answer)


def _both_sides(config: ArithmeticConfig, equations: Equations) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the equations that are read, in their order, and of those that are withheld and asked."""
    is_withheld = withheld_rule(config, equations)

    def are_on_one_side(numbers: np.ndarray, withheld: bool) -> np.ndarray:
        a, b, operation = equations.parts(numbers)
        return equations.exist(b, operation) & (is_withheld(a, b) == withheld)

    _check_numbers(config, equations)
    to_read, to_ask = (partial(are_on_one_side, withheld=withheld) for withheld in (False, True))
    limit, seed = operands_read(config, equations), config.split_seed
    lines = _drawn(equations, to_read, limit, config.num_lines, f"lines-{seed}")
    withheld = _drawn(equations, to_ask, equations.num_operands, config.num_questions, f"questions-{seed}")
    _check_found(config, equations, lines, withheld)
    return lines, withheld


def _drawn(equations: Equations, are_wanted: Wanted, limit: int, number: int | None, seed: str) -> np.ndarray:
    """Equations of a kind, each at most once, in the order that `seed` draws.

    Args:
        equations: The table.
        are_wanted: Which are of this kind.
        limit: Operands from this one on have none of this kind.
        number: How many; all that there are if None.
        seed: What draws them.

    Returns:
        Their numbers: fewer than `number` if there are not as many, or if they are too rare to be found by chance.
    """
    shape = (limit, limit, len(equations.operations))
    size = math.prod(shape)

    def numbered(places: np.ndarray) -> np.ndarray:
        return np.ravel_multi_index(np.unravel_index(places, shape), equations.shape)

    if size <= MOST_LINES:
        numbers = numbered(np.arange(size))
        numbers = numbers[are_wanted(numbers)]
        return numbers[drawn_order(len(numbers), seed)[:number]]
    draws, found = generator(seed), np.empty(0, np.int64)
    for _ in range(0, MOST_LINES + 100 * number, DRAWN_AT_ONCE):
        numbers = numbered((draws.random_sample(DRAWN_AT_ONCE) * size).astype(np.int64))
        found = np.concatenate([found, numbers[are_wanted(numbers)]])
        found = found[np.sort(np.unique(found, return_index=True)[1])]
        if len(found) >= number:
            break
    return found[:number]


def _check_numbers(config: ArithmeticConfig, equations: Equations) -> None:
    for name in ("num_lines", "num_questions"):
        if getattr(config, name) is not None:
            check_whole_number(name, getattr(config, name), 1, MOST_LINES)
        elif equations.size > MOST_LINES:
            raise ValueError(
                f"`{name}` must be given, such as 10000: there are {equations.size:,} equations, and more than "
                f"{MOST_LINES:,} are not gone through one by one."
            )


def _check_found(config: ArithmeticConfig, equations: Equations, lines: np.ndarray, withheld: np.ndarray) -> None:
    is_listed = equations.size <= MOST_LINES
    kind = f"`withheld_split` {config.withheld_split!r}"
    if is_listed and not len(withheld):
        raise ValueError(f"{kind} withholds nothing that could be asked: withhold more, or something else.")
    if is_listed and not len(lines):
        raise ValueError(f"{kind} withholds everything, so that nothing is left to read: withhold less.")
    for name, found, what in (("num_lines", lines, "left to read"), ("num_questions", withheld, "withheld")):
        number = getattr(config, name)
        if number is not None and len(found) < number:
            what += "" if is_listed else f" that are found among {equations.size:,} by chance"
            raise ValueError(f"`{name}` (={number:,}) exceeds the {len(found):,} equations {what}: lower it.")
