"""One-digit additions and subtractions, some of them withheld.

The line `<5+3=8> ` is asked as the prompt `<5+3=`, whose answer is `8`, closed by `>`.
"""

import itertools
import random
from dataclasses import dataclass

from dataset_builders.questions import Question, QuestionBuilder, QuestionConfig


DIGITS = range(10)


def unordered(pairs) -> set[tuple[int, int]]:
    """The pairs with the smaller digit first; a `ValueError` if they cannot be withheld."""
    is_list = isinstance(pairs, (list, tuple)) and all(isinstance(pair, (list, tuple)) for pair in pairs)
    if not is_list or any(
        len(pair) != 2 or any(type(d) is not int or d not in DIGITS for d in pair) for pair in pairs
    ):
        raise ValueError(f"`withheld_pairs` must list pairs of digits from 0 to 9, such as [[5, 7]]; got {pairs!r}.")
    distinct = {(min(pair), max(pair)) for pair in pairs}
    if len(distinct) < len(pairs):
        raise ValueError(
            f"`withheld_pairs` must name a pair once, [5, 7] being [7, 5]; got {pairs!r}. Drop the repeats."
        )
    if not 1 <= len(distinct) <= 54:
        raise ValueError(
            f"`withheld_pairs` must name 1 to 54 of the 55 pairs, so that some are left to extrapolate to and some to "
            f"read; got {len(distinct)}."
        )
    return distinct


def equations(withheld_pairs) -> list[Question]:
    """All 200 equations: `a` outer, `b` inner, and at each the addition before the subtraction."""
    withheld = unordered(withheld_pairs)
    questions = []
    for a, b in itertools.product(DIGITS, DIGITS):
        for kind, sign, result in [("addition", "+", a + b), ("subtraction", "-", a - b)]:
            prompt = f"<{a}{sign}{b}="
            question = Question(
                text=f"{prompt}{result}>".ljust(8) + "\n",
                prompt=prompt,
                answer=str(result),
                end=">",
                kind=kind,
                ability="rule",
                seen=(min(a, b), max(a, b)) not in withheld,
            )
            questions.append(question)
    return questions


def shuffled(questions: list[Question], split_seed: int) -> list[Question]:
    """The seen questions in the order that `split_seed` draws: the same in any process and any version of Python."""
    # Sorted by random(), the one method whose sequence Python promises to keep; shuffle() may change.
    draw = random.Random(f"lines-{split_seed}")
    return sorted((question for question in questions if question.seen), key=lambda _: draw.random())


@dataclass
class ArithmeticConfig(QuestionConfig):
    """
    Args:
        withheld_pairs (`tuple` or `list` of pairs of digits, defaults to `((5, 7),)`):
            Unordered operand pairs whose equations are asked but never read: {a, b} stands for a+b, b+a, a-b and b-a,
            and {a, a} for a+a and a-a.
        split_seed (`int`, defaults to 1337):
            Orders the lines of the training text.
    """

    withheld_pairs: tuple = ((5, 7),)


class Arithmetic(QuestionBuilder):
    """`a+b` and `a-b` for all digits: 200 questions; in config `paper` 196 lines of 9 characters, 1,764 together."""

    BUILDER_CONFIG_CLASS = ArithmeticConfig
    BUILDER_CONFIGS = (ArithmeticConfig(name="paper", description="As the study has it: 5 and 7 are withheld."),)
    DEFAULT_CONFIG_NAME = "paper"

    def questions(self):
        return equations(self.config.withheld_pairs)

    def training_lines(self):
        return shuffled(self.questions(), self.config.split_seed)
