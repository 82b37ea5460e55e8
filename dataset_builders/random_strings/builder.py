"""Strings of random symbols: what can only be memorised, and whose bits are known exactly.

A line is a string of S symbols and a newline. Asked are all of its symbols but the last, whose answer is the last one,
closed by the newline.
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
    Demand,
    QuestionBuilder,
    QuestionConfig,
    Splits,
    check_whole_number,
    drawn_integers,
    drawn_order,
    first_symbols,
    question_table,
    spelled_in_symbols,
)


@dataclass
class RandomStringsConfig(QuestionConfig):
    """
    Args:
        num_strings (`int`, defaults to 64):
            N, the strings; they are independent, so that one may come twice.
        length (`int`, defaults to 4):
            S, the symbols of a string.
        num_symbols (`int`, defaults to 16):
            V, the symbols that there are, all equally likely.
        num_questions (`int`, *optional*):
            How many questions are asked at most, drawn without replacement. All if left out.
        split_seed (`int`, defaults to 1337):
            Draws the strings, and which of them are asked.
    """

    num_strings: int = 64
    length: int = 4
    num_symbols: int = 16
    num_questions: int | None = None


class RandomStrings(QuestionBuilder):
    """N strings of S symbols out of V. Config `tiny`: 64 strings of 4 out of 16 symbols, 1,024 bits."""

    title = "Strings of random symbols"
    paper = "2505.24832"
    language = "zxx"  # no linguistic content
    example = "万下与"

    BUILDER_CONFIG_CLASS = RandomStringsConfig
    BUILDER_CONFIGS = (
        RandomStringsConfig(name="tiny", description="64 strings of 4 out of 16 symbols."),
        RandomStringsConfig(
            name="morris_s4",
            num_strings=4096,
            num_symbols=2048,
            description="4,096 strings of 4 out of 2,048 symbols, as Morris et al. (2025) have it.",
        ),
    )
    DEFAULT_CONFIG_NAME = "tiny"

    @staticmethod
    def tables(config: RandomStringsConfig) -> Splits:
        _check(config)
        num_strings, length, seed = config.num_strings, config.length, config.split_seed
        drawn = drawn_integers(num_strings * length, config.num_symbols, f"strings-{seed}")
        drawn = drawn.reshape(num_strings, length)
        prompts, answers = spelled_in_symbols(drawn[:, :-1]), spelled_in_symbols(drawn[:, -1:])
        strings = question_table(
            text=pc.binary_join_element_wise(prompts, answers, "\n", ""),
            prompt=prompts,
            answer=answers,
            end="\n",
            kind="string",
            ability="fact",
            seen=True,
        )
        askable = _unambiguous(prompts, drawn[:, -1])
        if not len(askable):
            raise ValueError(
                f"Each of the {num_strings:,} strings begins like one that ends otherwise, so that nothing can be "
                "asked: raise `length` or `num_symbols`, or lower `num_strings`."
            )
        asked = np.sort(askable[drawn_order(len(askable), f"questions-{seed}")[: config.num_questions]])
        return {"train": strings, "questions": strings.take(pa.array(asked))}

    @staticmethod
    def demand(config: RandomStringsConfig) -> Demand:
        _check(config)
        bits_per_string = config.length * math.log2(config.num_symbols)
        return Demand(
            estimator="random strings",
            bits=config.num_strings * bits_per_string,
            num_items=config.num_strings,
            bits_per_item=bits_per_string,
            num_scored_tokens=config.num_strings * config.length,
            scored="text",
            kinds=("string",),
            alphabet=first_symbols(config.num_symbols),
            source="Morris et al. (2025), arXiv 2505.24832",
        )


def _unambiguous(prompts: pa.Array, last: np.ndarray) -> np.ndarray:
    """The first string of each beginning that has one last symbol alone, shape (askable strings,)."""
    identity = pc.dictionary_encode(prompts).indices.to_numpy()
    _identities, first = np.unique(identity, return_index=True)
    num_other_endings = np.bincount(identity, weights=last != last[first[identity]])
    return first[num_other_endings == 0]


def _check(config: RandomStringsConfig) -> None:
    check_whole_number("num_strings", config.num_strings, 1, MOST_LINES)
    high = MOST_CHARACTERS // config.num_strings
    check_whole_number("length", config.length, 2, high, f", {MOST_CHARACTERS:,} symbols in all strings together")
    check_whole_number("num_symbols", config.num_symbols, 2, MOST_SYMBOLS, ", so many symbols are there")
    if config.num_questions is not None:
        check_whole_number("num_questions", config.num_questions, 1, config.num_strings, ", the number of strings")
