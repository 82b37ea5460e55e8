"""The table of all equations of a config: which there are, what they come to, and how they are written."""

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    MOST_SYMBOLS,
    check_choice,
    check_flag,
    check_whole_number,
    question_table,
    shorten,
    spelled_in_symbols,
)

from .config import ArithmeticConfig


KINDS = {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}
# So that sums, and products of at most nine digits each, are exact in 64 bits.
MOST_DIGITS, MOST_DIGITS_OF_FACTORS = 10, 9
# Operands and answers as they are written, and the length of the longest line.
Written = tuple[list[pa.Array], pa.Array, int]


class Labels(NamedTuple):
    """What lines answer.

    Args:
        results: The whole numbers, shape (lines,).
        is_changed: Whether a line's need not be what its equation comes to, so that it can only be known.
        change: What has been done to these, as their `kind` has it.
    """

    results: np.ndarray
    is_changed: np.ndarray
    change: str


class Equations:
    """All equations, as columns of a table: `a`, `b` and the place of the operation in `operations`.

    Their order is that of `a`, then `b`, then the operation.

    Args:
        config: What of it says which equations there are and how they are written.

    Raises:
        `ValueError`: if that is impossible.
    """

    def __init__(self, config: ArithmeticConfig):
        _check(config)
        self.config, self.modulus, self.operations = config, config.modulus, tuple(config.operations)
        self.num_operands = config.modulus or 10**config.digits
        self.num_digits = len(str(self.num_operands - 1))
        self.size = self.num_operands**2 * len(self.operations)

    def numbers(self, equations_3E: np.ndarray) -> np.ndarray:
        """The place of each in the order of all, modulo 2**64: in a larger table a few have one that others have."""
        a, b, operation = equations_3E.astype(np.uint64)
        return (a * np.uint64(self.num_operands) + b) * np.uint64(len(self.operations)) + operation

    def exist(self, b: np.ndarray, operation: np.ndarray) -> np.ndarray:
        """Which of them there are: all but divisions by zero."""
        return (b != 0) | (np.array(self.operations)[operation] != "/")

    def results(self, a: np.ndarray, b: np.ndarray, operation: np.ndarray) -> np.ndarray:
        """What they come to: exact whole numbers."""
        results = np.empty_like(a)
        for place, sign in enumerate(self.operations):
            chosen = operation == place
            x, y = a[chosen], b[chosen]
            if sign == "/":
                y = _inverses(y, self.modulus)
            results[chosen] = x + y if sign == "+" else x - y if sign == "-" else x * y
        return results % self.modulus if self.modulus else results

    def table(self, equations_3E: np.ndarray, *, seen: bool, labels: Labels | None = None) -> pa.Table:
        """These equations as questions: the prompt `<5+3=`, the answer `8`, closed by `>`.

        They are answered by `labels`, or by what they come to. Lines are padded with spaces to the length that the
        longest operands and the longest answer need together, and end in a newline.
        """
        a, b, operation = equations_3E
        if labels is None:
            labels = Labels(self.results(a, b, operation), np.zeros(len(a), bool), "")
        if self.config.notation == "symbols":
            operands, answers, line_length = self._in_symbols(a, b, labels.results)
        else:
            operands, answers, line_length = self._in_digits(a, b, operation, labels.results)
        operation, is_changed = pa.array(operation), pa.array(labels.is_changed)
        signs = pa.array(self.operations).take(operation)
        kinds = pa.array([KINDS[sign] for sign in self.operations]).take(operation)
        prompts = pc.binary_join_element_wise("<", operands[0], signs, operands[1], "=", "")
        lines = pc.binary_join_element_wise(prompts, answers, ">", "")
        return question_table(
            text=pc.binary_join_element_wise(pc.utf8_rpad(lines, line_length), "\n", ""),
            prompt=prompts,
            answer=answers,
            end=">",
            kind=pc.if_else(is_changed, pc.binary_join_element_wise(labels.change, kinds, " "), kinds),
            ability=pc.if_else(is_changed, "fact", "rule"),
            seen=seen,
        )

    def _in_symbols(self, a: np.ndarray, b: np.ndarray, results: np.ndarray) -> Written:
        written = [spelled_in_symbols(values[:, None]) for values in (a, b, results)]
        return written[:2], written[2], len("<a+b=c>")

    def _in_digits(self, a: np.ndarray, b: np.ndarray, operation: np.ndarray, results: np.ndarray) -> Written:
        most = {"+": self.num_digits + 1, "-": self.num_digits, "*": 2 * self.num_digits}
        most_digits = [self.num_digits if self.modulus else most[sign] for sign in self.operations]
        operands = [self._digits(values, np.full_like(values, self.num_digits)) for values in (a, b)]
        answers = self._digits(np.abs(results), np.array(most_digits)[operation])
        if self.config.reversed_operands:
            operands = [pc.utf8_reverse(operand) for operand in operands]
        if self.config.reversed_answer:
            answers = pc.utf8_reverse(answers)
        signs = pc.if_else(pa.array(results < 0), "-", "")
        signed = [sign == "-" and not self.modulus for sign in self.operations]
        line_length = len("<+=>") + 2 * self.num_digits + max(map(sum, zip(most_digits, signed, strict=True)))
        return operands, pc.binary_join_element_wise(signs, answers, ""), line_length

    def _digits(self, values: np.ndarray, most_digits: np.ndarray) -> pa.Array:
        """The whole numbers `values` as they are written, where none of them has more digits than `most_digits`."""
        if not self.config.zero_padded:
            return pc.cast(pa.array(values), pa.string())
        # The 1 in front of 1000 + 42 makes way for the zero in 042.
        return pc.utf8_slice_codeunits(pc.cast(pa.array(10**most_digits + values), pa.string()), 1)


def _inverses(values: np.ndarray, prime: int) -> np.ndarray:
    """What each value has to be multiplied by to give 1 mod `prime`: its power of `prime` - 2, as Fermat says."""
    inverses, exponent = np.ones_like(values), prime - 2
    while exponent:
        if exponent % 2:
            inverses = inverses * values % prime
        values, exponent = values * values % prime, exponent // 2
    return inverses


def _check(config: ArithmeticConfig) -> None:
    for name in ("zero_padded", "reversed_operands", "reversed_answer"):
        check_flag(name, getattr(config, name))
    check_choice("notation", config.notation, ("digits", "symbols"))
    signs, known = config.operations, tuple(KINDS)
    is_list = isinstance(signs, (list, tuple)) and all(sign in known for sign in signs)
    if not is_list or not 1 <= len(signs) == len(set(signs)):
        raise ValueError(
            f"`operations` must list some of {', '.join(known)}, each once, such as ['+', '-']; got {shorten(signs)}."
        )
    has_factors = not {"*", "/"}.isdisjoint(signs)
    most_digits = MOST_DIGITS_OF_FACTORS if has_factors else MOST_DIGITS
    reason = ", where operands are multiplied" if has_factors else ""
    check_whole_number("digits", config.digits, 1, most_digits, reason)
    if config.modulus is None:
        _check_without_modulus(config)
    else:
        _check_with_modulus(config)
        check_whole_number("modulus", config.modulus, 2, 10**most_digits, reason)
        _check_divisible(config)


def _check_without_modulus(config: ArithmeticConfig) -> None:
    if "/" in config.operations:
        raise ValueError("`operations` has '/', which has an answer mod a prime only: give a `modulus`, such as 97.")
    if config.notation == "symbols":
        raise ValueError(
            "`notation` 'symbols' writes a residue as one character: give a `modulus`, such as 97, or take 'digits'."
        )


def _check_with_modulus(config: ArithmeticConfig) -> None:
    if config.digits != ArithmeticConfig.digits:
        raise ValueError(
            f"`digits` (={config.digits}) and `modulus` (={shorten(config.modulus)}) both say how large operands "
            "are: leave one of them out."
        )
    if config.notation == "symbols":
        check_whole_number("modulus", config.modulus, 2, MOST_SYMBOLS, ", so many symbols are there")
        for name in ("zero_padded", "reversed_operands", "reversed_answer"):
            if getattr(config, name):
                raise ValueError(f"`{name}` is for the notation 'digits': a symbol has none. Leave one of them out.")


def _check_divisible(config: ArithmeticConfig) -> None:
    divisors = np.arange(2, math.isqrt(config.modulus) + 1)
    if "/" in config.operations and not (config.modulus % divisors).all():
        raise ValueError(
            f"`modulus` (={config.modulus}) must be prime for the operation '/', such as 97: else some divisions have "
            "no answer or several. Take another one, or leave '/' out."
        )
