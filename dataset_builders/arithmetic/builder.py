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
# Of so many equations each can be drawn by one number from 0 to 1; of more, its operands are drawn by one each.
MOST_BY_ONE_DRAW = 2**53
# `a`, `b` and operations, each of shape (E,), to whether each of these equations is wanted.
Wanted = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


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
        lines_3E, withheld_3E = _both_sides(config, equations)
        train = equations.table(lines_3E, seen=True, labels=labels_of(config, equations, lines_3E))
        if config.shuffled_answers:
            withheld_3E = withheld_3E[:, :0]  # no line says what they would be answered
        asked = pa.concat_tables([train[: config.num_questions], equations.table(withheld_3E, seen=False)])
        in_order = np.lexsort(np.hstack([lines_3E[:, : config.num_questions], withheld_3E])[::-1])
        return {"train": train, "questions": asked.take(pa.array(in_order))}

    @staticmethod
    def demand(config: ArithmeticConfig) -> Demand | None:
        if not config.shuffled_answers:
            return None
        equations = Equations(config)
        lines_3E, _ = _both_sides(config, equations)
        labels, operation = labels_of(config, equations, lines_3E), lines_3E[2]
        answers = equations.table(lines_3E, seen=True, labels=labels)["answer"]
        bits, num_lines = bits_of_the_order(labels, operation), len(operation)
        return Demand(
            estimator="shuffled answers",
            bits=bits,
            num_items=num_lines,
            bits_per_item=bits / num_lines,
            num_scored_tokens=pc.sum(pc.utf8_length(answers)).as_py() + num_lines,
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
        turned = {"reversed_operands": config.reversed_operands, "reversed_answer": config.reversed_answer}
        return Numerals(symbols=symbols, modulus=modulus, **turned)


def _both_sides(config: ArithmeticConfig, equations: Equations) -> tuple[np.ndarray, np.ndarray]:
    """The equations that are read, in their order, and those that are withheld and asked: columns, (3, E)."""
    is_withheld = withheld_rule(config, equations)

    def are_on_one_side(a: np.ndarray, b: np.ndarray, operation: np.ndarray, withheld: bool) -> np.ndarray:
        return equations.exist(b, operation) & (is_withheld(a, b) == withheld)

    _check_numbers(config, equations)
    to_read, to_ask = (partial(are_on_one_side, withheld=withheld) for withheld in (False, True))
    limit, seed = operands_read(config, equations), config.split_seed
    lines_3E = _drawn(equations, to_read, limit, config.num_lines, f"lines-{seed}")
    withheld_3E = _drawn(equations, to_ask, equations.num_operands, config.num_questions, f"questions-{seed}")
    _check_found(config, equations, lines_3E.shape[1], withheld_3E.shape[1])
    return lines_3E, withheld_3E


def _drawn(equations: Equations, are_wanted: Wanted, limit: int, number: int | None, seed: str) -> np.ndarray:
    """Equations of a kind, each at most once, in the order that `seed` draws.

    Args:
        equations: The table.
        are_wanted: Which are of this kind.
        limit: Operands from this one on have none of this kind.
        number: How many; all that there are if None.
        seed: What draws them.

    Returns:
        Their columns, (3, E): fewer than `number` if there are not as many, or if they are too rare to be found by
        chance.
    """
    shape = (limit, limit, len(equations.operations))
    size = math.prod(shape)
    if size <= MOST_LINES:
        all_3E = np.stack(np.unravel_index(np.arange(size), shape))
        wanted_3E = all_3E[:, are_wanted(*all_3E)]
        return wanted_3E[:, drawn_order(wanted_3E.shape[1], seed)[:number]]
    draws, found_3E = generator(seed), np.empty((3, 0), np.int64)
    for _ in range(0, MOST_LINES + 100 * number, DRAWN_AT_ONCE):
        drawn_3E = _drawn_at_once(draws, shape)
        found_3E = np.hstack([found_3E, drawn_3E[:, are_wanted(*drawn_3E)]])
        found_3E = found_3E[:, np.sort(np.unique(equations.numbers(found_3E), return_index=True)[1])]
        if found_3E.shape[1] >= number:
            break
    return found_3E[:, :number]


def _drawn_at_once(draws: np.random.RandomState, shape: tuple[int, int, int]) -> np.ndarray:
    if math.prod(shape) <= MOST_BY_ONE_DRAW:
        places = (draws.random_sample(DRAWN_AT_ONCE) * math.prod(shape)).astype(np.int64)
        return np.stack(np.unravel_index(places, shape))
    return np.stack([(draws.random_sample(DRAWN_AT_ONCE) * below).astype(np.int64) for below in shape])


def _check_numbers(config: ArithmeticConfig, equations: Equations) -> None:
    for name in ("num_lines", "num_questions"):
        if getattr(config, name) is not None:
            check_whole_number(name, getattr(config, name), 1, MOST_LINES)
        elif equations.size > MOST_LINES:
            raise ValueError(
                f"`{name}` must be given, such as 10000: there are {equations.size:,} equations, and more than "
                f"{MOST_LINES:,} are not gone through one by one."
            )


def _check_found(config: ArithmeticConfig, equations: Equations, num_lines: int, num_withheld: int) -> None:
    is_listed = equations.size <= MOST_LINES
    kind = f"`withheld_split` {config.withheld_split!r}"
    if is_listed and not num_withheld:
        raise ValueError(f"{kind} withholds nothing that could be asked: withhold more, or something else.")
    if is_listed and not num_lines:
        raise ValueError(f"{kind} withholds everything, so that nothing is left to read: withhold less.")
    for name, found, what in (("num_lines", num_lines, "left to read"), ("num_questions", num_withheld, "withheld")):
        number = getattr(config, name)
        if number is not None and found < number:
            what += "" if is_listed else f" that are found among {equations.size:,} by chance"
            raise ValueError(f"`{name}` (={number:,}) exceeds the {found:,} equations {what}: lower it.")
