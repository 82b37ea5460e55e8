"""What a task is built from: its builder and questions, checks of its dials, seeded draws, its demand in bits.

`cards`, which writes a task's card, is imported by name: nothing else here needs its templates.
"""

from . import words
from .demand import Demand
from .dials import (
    MOST_CHARACTERS,
    MOST_LINES,
    check_choice,
    check_flag,
    check_whole_number,
    listed,
    number_withheld,
    shorten,
)
from .draws import drawn_integers, drawn_order, first_places, generator
from .numerals import DIGITS, Numerals
from .questions import FEATURES, QuestionBuilder, QuestionConfig, Splits, question_table
from .symbols import MOST_SYMBOLS, first_symbols, spelled_in_symbols


__all__ = [
    "DIGITS",
    "FEATURES",
    "MOST_CHARACTERS",
    "MOST_LINES",
    "MOST_SYMBOLS",
    "Demand",
    "Numerals",
    "QuestionBuilder",
    "QuestionConfig",
    "Splits",
    "check_choice",
    "check_flag",
    "check_whole_number",
    "drawn_integers",
    "drawn_order",
    "first_places",
    "first_symbols",
    "generator",
    "listed",
    "number_withheld",
    "question_table",
    "shorten",
    "spelled_in_symbols",
    "words",
]
