"""Pairs of a key and a value, and the keys asked for again: what is to be recalled stands in the line itself.

The line `A4 B3 C6 B3 A4 `, of keys A to C and their values, asks two questions: the prompt `A4 B3 C6 B`, whose answer
is `3`, and the prompt `A4 B3 C6 B3 A`, whose answer is `4`, both closed by a space. A key or value is one symbol.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    MOST_CHARACTERS,
    MOST_LINES,
    MOST_SYMBOLS,
    QuestionBuilder,
    QuestionConfig,
    Splits,
    check_whole_number,
    first_places,
    generator,
    question_table,
    spelled_in_symbols,
)


# Key, value and space.
PAIR_LENGTH = 3


@dataclass
class AssociativeRecallConfig(QuestionConfig):
    """
    Args:
        num_pairs (`int`, defaults to 4):
            P, the pairs that a line begins with: different keys with different values.
        num_queries (`int`, *optional*):
            Q, how many of these keys are asked for again, each once. All if left out.
        num_keys (`int`, defaults to 16), num_values (`int`, defaults to 16):
            The keys and the values that there are: different symbols. Each line draws its own, all equally likely.
        num_lines (`int`, defaults to 400):
            How many lines are read. No two lines begin with the same pairs in the same order.
        num_withheld (`int`, defaults to 20):
            How many further lines are asked and never read; of the lines that are read at most as many are asked: the
            first. Each asks Q questions.
        split_seed (`int`, defaults to 1337):
            Draws the lines.
    """

    num_pairs: int = 4
    num_queries: int | None = None
    num_keys: int = 16
    num_values: int = 16
    num_lines: int = 400
    num_withheld: int = 20


class AssociativeRecall(QuestionBuilder):
    """Multi-query associative recall. Config `tiny`: lines of 4 pairs and 4 queries, 400 read and 20 withheld."""

    title = "Associative recall in context"
    paper = "2312.04927"
    language = "zxx"  # no linguistic content
    example = "万丗 上业 丁丙 丌且 丌"

    BUILDER_CONFIG_CLASS = AssociativeRecallConfig
    BUILDER_CONFIGS = (
        AssociativeRecallConfig(name="tiny", description="4 pairs of 16 keys and 16 values, and 4 queries."),
        AssociativeRecallConfig(
            name="mqar",
            num_keys=128,
            num_values=128,
            num_lines=20_000,
            num_withheld=1_000,
            description="4 pairs of 128 keys and 128 values, and 4 queries.",
        ),
    )
    DEFAULT_CONFIG_NAME = "tiny"

    @staticmethod
    def tables(config: AssociativeRecallConfig) -> Splits:
        num_queries = _check(config)
        lines_LP2 = _drawn_lines(config, num_queries)
        read_LP2, withheld_LP2 = np.split(lines_LP2, [config.num_lines])
        asked_LP2 = np.concatenate([read_LP2[: config.num_withheld], withheld_LP2])
        is_seen = np.arange(len(asked_LP2)) < len(asked_LP2) - config.num_withheld
        queries = range(config.num_pairs, config.num_pairs + num_queries)
        questions = pa.concat_tables([_asked(asked_LP2, place, is_seen) for place in queries])
        by_line = np.arange(len(questions)).reshape(num_queries, len(asked_LP2)).T.ravel()
        return {
            "train": _asked(read_LP2, config.num_pairs, np.ones(config.num_lines, bool)),
            "questions": questions.take(pa.array(by_line)),
        }


def _asked(lines_LP2: np.ndarray, place: int, is_seen: np.ndarray) -> pa.Table:
    """The lines, each asked for the value of its pair at `place`."""
    pairs = [spelled_in_symbols(pairs_L2) for pairs_L2 in np.moveaxis(lines_LP2, 1, 0)]
    text = pc.binary_join_element_wise(*pairs, "\n", " ")
    return question_table(
        text=text,
        prompt=pc.utf8_slice_codeunits(text, 0, PAIR_LENGTH * place + 1),
        answer=spelled_in_symbols(lines_LP2[:, place, 1:]),
        end=" ",
        kind="association",
        ability="rule",
        seen=is_seen,
    )


def _drawn_lines(config: AssociativeRecallConfig, num_queries: int) -> np.ndarray:
    """Lines of pairs and then some of them again, (L, P + Q, 2): the number of a key and that of a value."""
    draws, number = generator(f"lines-{config.split_seed}"), config.num_lines + config.num_withheld
    pairs_LP2 = np.empty((0, config.num_pairs, 2), np.int64)
    while len(pairs_LP2) < number:
        keys_LP = _different(draws, number, config.num_keys, config.num_pairs)
        values_LP = _different(draws, number, config.num_values, config.num_pairs) + config.num_keys
        pairs_LP2 = np.concatenate([pairs_LP2, np.stack([keys_LP, values_LP], axis=2)])
        pairs_LP2 = pairs_LP2[first_places(spelled_in_symbols(pairs_LP2.reshape(len(pairs_LP2), -1)))]
    pairs_LP2 = pairs_LP2[:number]
    queried_LQ = _different(draws, number, config.num_pairs, num_queries)
    return np.concatenate([pairs_LP2, np.take_along_axis(pairs_LP2, queried_LQ[:, :, None], axis=1)], axis=1)


def _different(draws: np.random.RandomState, number: int, below: int, each: int) -> np.ndarray:
    """Rows of different whole numbers below `below`, in every order equally likely: shape (`number`, `each`)."""
    drawn: list[np.ndarray] = []
    ascending: list[np.ndarray] = []
    for _ in range(each):
        # Which of those that are left, and then which of all.
        new = (draws.random_sample(number) * (below - len(drawn))).astype(np.int64)
        for other in ascending:
            new += new >= other
        drawn.append(new)
        for place, other in enumerate(ascending):
            ascending[place], new = np.minimum(other, new), np.maximum(other, new)
        ascending.append(new)
    return np.stack(drawn, axis=1)


def _check(config: AssociativeRecallConfig) -> int:
    """How many queries a line has."""
    for name in ("num_keys", "num_values"):
        check_whole_number(name, getattr(config, name), 1, MOST_SYMBOLS, ", so many symbols are there")
    if config.num_keys + config.num_values > MOST_SYMBOLS:
        raise ValueError(
            f"`num_keys` (={config.num_keys:,}) and `num_values` (={config.num_values:,}) are more than the "
            f"{MOST_SYMBOLS:,} symbols that there are: lower one of them."
        )
    high = min(config.num_keys, config.num_values)
    check_whole_number("num_pairs", config.num_pairs, 1, high, ", so many different keys and values are there")
    num_queries = config.num_pairs if config.num_queries is None else config.num_queries
    check_whole_number("num_queries", num_queries, 1, config.num_pairs, ", the number of pairs")
    for name in ("num_lines", "num_withheld"):
        check_whole_number(name, getattr(config, name), 1, MOST_LINES)
    _check_lines(config, num_queries)
    return num_queries


def _check_lines(config: AssociativeRecallConfig, num_queries: int) -> None:
    number = config.num_lines + config.num_withheld
    possible = math.perm(config.num_keys, config.num_pairs) * math.perm(config.num_values, config.num_pairs)
    if 2 * number > possible:
        raise ValueError(
            f"`num_lines` and `num_withheld` (={number:,} together) must be at most half of the {possible:,} lines "
            "that differ in their pairs: lower them, or raise `num_keys` or `num_values`."
        )
    # Each question has its line and, as its prompt, most of that once more.
    line_length = PAIR_LENGTH * (config.num_pairs + num_queries) + 1
    num_characters = line_length * (number + 4 * num_queries * config.num_withheld)
    if num_characters > MOST_CHARACTERS:
        raise ValueError(
            f"Lines and questions would have {num_characters:,} characters, of which {MOST_CHARACTERS:,} are "
            "possible: lower `num_pairs`, `num_lines` or `num_withheld`."
        )
