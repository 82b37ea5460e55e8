"""How a task writes numbers, where each of its numerals is a character of its own."""

import functools
import re
from dataclasses import dataclass


DIGITS = "0123456789"


@dataclass(frozen=True, kw_only=True)
class Numerals:
    """The characters that stand for numbers.

    Args:
        symbols (`str`): Of 0, 1, 2 and so on: the ten digits, or one symbol for each residue.
        modulus (`int`, *optional*): Where they are residues: of what.
        reversed_operands (`bool`, defaults to `False`): Whether operands begin with their last digit.
        reversed_answer (`bool`, defaults to `False`): Whether answers do.
    """

    symbols: str
    modulus: int | None = None
    reversed_operands: bool = False
    reversed_answer: bool = False

    def read(self, prompt: str, answer: str) -> tuple[int, int, int] | None:
        """The two operands of a question and its result; None of a question that has no two operands."""
        operands = re.findall(f"[{self.symbols}]+", prompt)
        sign, digits = (-1, answer[1:]) if answer.startswith("-") else (1, answer)
        if len(operands) != 2 or not digits or not set(digits) <= set(self.symbols):
            return None
        result = sign * self._value(digits[::-1] if self.reversed_answer else digits)
        a, b = (self._value(operand[::-1] if self.reversed_operands else operand) for operand in operands)
        return a, b, result

    def _value(self, digits: str) -> int:
        return functools.reduce(lambda value, digit: value * len(self.symbols) + self.symbols.index(digit), digits, 0)
