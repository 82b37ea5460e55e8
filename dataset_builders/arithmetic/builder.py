"""One-digit additions and subtractions, some of them withheld.

The line `<5+3=8> ` is asked as the prompt `<5+3=`, whose answer is `8`, closed by `>`.
"""

import itertools
import random
from dataclasses import dataclass

from dataset_builders.questions import Question, QuestionBuilder, QuestionConfig


DIGITS = range(10)
PAIRS = [(a, b) for a in DIGITS for b in DIGITS if a <= b]
# Which settings of `ArithmeticConfig` belong to which kind of withheld split.
SPLITS = {
    "pairs": ("withheld_pairs", "drawn_pairs"),
    "random": ("withheld_fraction",),
    "operand": ("withheld_operand",),
}


@dataclass
class ArithmeticConfig(QuestionConfig):
    """
    Args:
        withheld_split (`str`, defaults to `"pairs"`):
            What is asked but never read. `pairs`: unordered operand pairs, {a, b} standing for a+b, b+a, a-b and b-a,
            {a, a} for a+a and a-a; `random`: a fraction of all such pairs; `operand`: all pairs that have one digit.
        withheld_pairs (`tuple` or `list` of pairs of digits, *optional*):
            For `pairs`: these.
        drawn_pairs (`int`, *optional*):
            For `pairs`, instead: so many of the 45 pairs of different digits, drawn by `split_seed`. With one,
            `split_seed` rotates through the 45: any 45 seeds in a row withhold each of them once.
        withheld_fraction (`float`, *optional*):
            For `random`: the share of the 55 pairs, to the nearest whole number of them, drawn by `split_seed`.
        withheld_operand (`int`, *optional*):
            For `operand`: the digit. If left out, `split_seed` rotates through the ten.
        split_seed (`int`, defaults to 1337):
            Draws what is to be drawn, and orders the lines of the training text.
    """

    withheld_split: str = "pairs"
    withheld_pairs: tuple | None = None
    drawn_pairs: int | None = None
    withheld_fraction: float | None = None
    withheld_operand: int | None = None


CONFIGS = (
    ArithmeticConfig(name="paper", withheld_pairs=((5, 7),), description="As the study has it: 5 and 7 are withheld."),
    ArithmeticConfig(name="rotating_pair", drawn_pairs=1, description="A pair of different digits, by `split_seed`."),
    ArithmeticConfig(
        name="random",
        withheld_split="random",
        withheld_fraction=0.1,
        description="A tenth of the pairs, drawn by `split_seed`.",
    ),
    ArithmeticConfig(
        name="operand", withheld_split="operand", description="All equations with one digit, by `split_seed`."
    ),
)


def withheld_pairs(config: ArithmeticConfig) -> set[tuple[int, int]]:
    """The pairs that are withheld, the smaller digit first; a `ValueError` if the config is impossible."""
    if config.withheld_split not in SPLITS:
        raise ValueError(f"`withheld_split` must be one of {', '.join(SPLITS)}; got {config.withheld_split!r}.")
    for split, settings in SPLITS.items():
        for name in settings:
            if split != config.withheld_split and getattr(config, name) is not None:
                raise ValueError(
                    f"`{name}` (={getattr(config, name)!r}) is for the split {split!r}, but `withheld_split` is "
                    f"{config.withheld_split!r}: leave one of them out, or name another config than {config.name!r}."
                )
    if config.withheld_split == "random":
        return _fraction(config.withheld_fraction, config.split_seed)
    if config.withheld_split == "operand":
        return _with_operand(config.withheld_operand, config.split_seed)
    if (config.withheld_pairs is None) == (config.drawn_pairs is None):
        raise ValueError(
            f"`withheld_pairs` (={config.withheld_pairs!r}) names the pairs, and `drawn_pairs` "
            f"(={config.drawn_pairs!r}) has `split_seed` draw them: give one of the two. The config 'paper' has the "
            "first, 'rotating_pair' the second."
        )
    if config.withheld_pairs is not None:
        return _unordered(config.withheld_pairs)
    return _rotated(config.drawn_pairs, config.split_seed)


def _unordered(pairs) -> set[tuple[int, int]]:
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


def _rotated(number, split_seed) -> set[tuple[int, int]]:
    different = [(a, b) for a, b in PAIRS if a != b]
    if type(number) is not int or not 1 <= number < len(different):
        raise ValueError(f"`drawn_pairs` must be a whole number from 1 to {len(different) - 1}; got {number!r}.")
    # In a fixed order without a pattern, so that a few seeds already meet small and large digits.
    order = _drawn(different, "pairs")
    return {order[(split_seed * number + place) % len(order)] for place in range(number)}


def _fraction(fraction, split_seed) -> set[tuple[int, int]]:
    number = round(fraction * len(PAIRS)) if type(fraction) in (int, float) and 0 < fraction < 1 else 0
    if not 1 <= number < len(PAIRS):
        raise ValueError(
            f"`withheld_fraction` must withhold at least one of the {len(PAIRS)} pairs and leave one, such as 0.1; "
            f"got {fraction!r}."
        )
    return set(_drawn(PAIRS, f"withheld-{split_seed}")[:number])


def _with_operand(operand, split_seed) -> set[tuple[int, int]]:
    digit = split_seed % len(DIGITS) if operand is None else operand
    if type(digit) is not int or digit not in DIGITS:
        raise ValueError(f"`withheld_operand` must be a digit from 0 to 9; got {operand!r}.")
    return {pair for pair in PAIRS if digit in pair}


def equations(config: ArithmeticConfig) -> list[Question]:
    """All 200 equations: `a` outer, `b` inner, and at each the addition before the subtraction."""
    withheld = withheld_pairs(config)
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
    """The seen questions in the order that `split_seed` draws."""
    return _drawn([question for question in questions if question.seen], f"lines-{split_seed}")


def _drawn(entries: list, seed: str) -> list:
    """The entries in a drawn order: the same in any process and any version of Python."""
    # Sorted by random(), the one method whose sequence Python promises to keep; shuffle() may change.
    draw = random.Random(seed)
    return sorted(entries, key=lambda _: draw.random())


class Arithmetic(QuestionBuilder):
    """`a+b` and `a-b` for all digits: 200 questions; in config `paper` 196 lines of 9 characters, 1,764 together."""

    BUILDER_CONFIG_CLASS = ArithmeticConfig
    BUILDER_CONFIGS = CONFIGS
    DEFAULT_CONFIG_NAME = "paper"

    def questions(self):
        return equations(self.config)

    def training_lines(self):
        return shuffled(self.questions(), self.config.split_seed)
