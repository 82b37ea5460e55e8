"""Attributes of invented people: facts that can only be known, and whose bits are known exactly.

The line `Bako Dimu city cefa` is asked as the prompt `Bako Dimu city `, whose answer is `cefa`, closed by a newline.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    MOST_LINES,
    Demand,
    QuestionBuilder,
    QuestionConfig,
    Splits,
    check_whole_number,
    drawn_integers,
    drawn_order,
    question_table,
    shorten,
    words,
)


@dataclass
class FactsConfig(QuestionConfig):
    """
    Args:
        num_keys (`int`, defaults to 50):
            N, the people.
        num_attributes (`int`, defaults to 3):
            K, the attributes that each of them has.
        num_values (`int`, defaults to 10):
            C, the values that each attribute has, all equally likely; no two attributes share one.
        num_questions (`int`, *optional*):
            How many of the N K facts are asked, drawn without replacement. All if left out.
        num_drawings (`int`, *optional*):
            How often the facts are written, each time with values drawn anew, so that there is nothing to know and
            nothing is asked: noise in the same lines and letters. Left out, each fact has one value.
        zipf (`float`, *optional*):
            The exponent of a frequency tail: of F facts the r-th has (F / r) ** `zipf` lines, to the nearest whole
            number, so that the rarest has one. Its kind is then how many lines it has, in octaves (`4-7 lines`). The
            text has each fact once before any comes again. Left out, each fact has one line.
        split_seed (`int`, defaults to 1337):
            Draws the value of every fact, independently; which of them are asked; how often each comes; and the order
            of the lines. Who the people are does not depend on it: those of a smaller N are the first of a larger one.
    """

    num_keys: int = 50
    num_attributes: int = 3
    num_values: int = 10
    num_questions: int | None = None
    num_drawings: int | None = None
    zipf: float | None = None


class Facts(QuestionBuilder):
    """N people with K attributes of C values each: config `people` has 50 x 3 facts of log2 10 bits, 498.3 in all."""

    title = "Attributes of invented people"
    paper = "2404.05405"
    example = "Sisa Rome city "

    BUILDER_CONFIG_CLASS = FactsConfig
    BUILDER_CONFIGS = (FactsConfig(name="people", description="50 people with 3 attributes of 10 values each."),)
    DEFAULT_CONFIG_NAME = "people"

    @staticmethod
    def tables(config: FactsConfig) -> Splits:
        _check(config)
        num_facts, seed = config.num_keys * config.num_attributes, config.split_seed
        num_lines = num_facts * (config.num_drawings or 1)
        key, attribute = np.divmod(np.arange(num_lines) % num_facts, config.num_attributes)
        value = drawn_integers(num_lines, config.num_values, f"values-{seed}") + attribute * config.num_values
        keys = words.names(config.num_keys).take(pa.array(key))
        attributes = pa.array(words.ATTRIBUTES).take(pa.array(attribute))
        prompts = pc.binary_join_element_wise(keys, attributes, "", " ")
        answers = words.values(value, config.num_attributes * config.num_values)
        facts = question_table(
            text=pc.binary_join_element_wise(prompts, answers, "\n", ""),
            prompt=prompts,
            answer=answers,
            end="\n",
            kind=attributes if config.zipf is None else _octaves(_counts(config)),
            ability="fact",
            seen=True,
        )
        num_questions = 0 if config.num_drawings else config.num_questions
        asked = np.sort(drawn_order(num_facts, f"questions-{seed}")[:num_questions])
        lines = drawn_order(num_lines, f"lines-{seed}")
        if config.zipf is not None:
            again = np.repeat(np.arange(num_facts), _counts(config) - 1)
            lines = np.concatenate([lines, again[drawn_order(len(again), f"again-{seed}")]])
        return {"train": facts.take(pa.array(lines)), "questions": facts.take(pa.array(asked))}

    @staticmethod
    def demand(config: FactsConfig) -> Demand | None:
        _check(config)
        if config.num_drawings:
            return None
        num_facts, bits_per_fact = config.num_keys * config.num_attributes, math.log2(config.num_values)
        return Demand(
            estimator="facts with given keys",
            bits=num_facts * bits_per_fact,
            num_items=num_facts,
            bits_per_item=bits_per_fact,
            num_scored_tokens=num_facts * words.value_length(config.num_attributes * config.num_values),
            scored="answer",
            kinds=_kinds(config),
            alphabet=words.VALUE_LETTERS,
            source="Allen-Zhu & Li (2024), arXiv 2404.05405",
        )


def _counts(config: FactsConfig) -> np.ndarray:
    """How many lines each fact has, by a frequency tail: shape (facts,)."""
    num_facts = config.num_keys * config.num_attributes
    rank = 1 + np.argsort(drawn_order(num_facts, f"frequencies-{config.split_seed}"))
    return np.rint((num_facts / rank) ** config.zipf).astype(np.int64)


def _octaves(counts: np.ndarray) -> pa.Array:
    """What facts with so many lines are called: `1 line`, `2-3 lines`, `4-7 lines` and so on."""
    octave = np.frexp(counts)[1] - 1
    names = ["1 line", *(f"{2**power}-{2 ** (power + 1) - 1} lines" for power in range(1, octave.max() + 1))]
    return pa.array(names).take(pa.array(octave))


def _kinds(config: FactsConfig) -> tuple[str, ...]:
    if config.zipf is None:
        return words.ATTRIBUTES[: config.num_attributes]
    return tuple(_octaves(np.unique(_counts(config))).unique().to_pylist())


def _check(config: FactsConfig) -> None:
    check_whole_number("num_keys", config.num_keys, 1, words.MOST_NAMES, ", so many different names there are")
    high = len(words.ATTRIBUTES)
    check_whole_number("num_attributes", config.num_attributes, 1, high, ", so many attributes have a word")
    high = words.MOST_VALUES // config.num_attributes
    check_whole_number("num_values", config.num_values, 2, high, ", so many different values there are")
    num_facts = config.num_keys * config.num_attributes
    if num_facts > MOST_LINES:
        raise ValueError(
            f"`num_keys` x `num_attributes` (={num_facts:,}) facts are more than {MOST_LINES:,}: lower one of them."
        )
    if config.num_drawings is not None:
        high = MOST_LINES // num_facts
        check_whole_number("num_drawings", config.num_drawings, 1, high, f", {MOST_LINES:,} lines in all")
        if config.num_questions is not None:
            raise ValueError("`num_questions` is for facts that have one value: leave it or `num_drawings` out.")
    if config.num_questions is not None:
        check_whole_number("num_questions", config.num_questions, 1, num_facts, ", the number of facts")
    if config.zipf is not None:
        _check_tail(config, num_facts)


def _check_tail(config: FactsConfig, num_facts: int) -> None:
    if type(config.zipf) not in (int, float) or not 0 < config.zipf < math.inf:
        raise ValueError(f"`zipf` must be an exponent above 0, such as 1.0; got {shorten(config.zipf)}.")
    if config.num_drawings is not None:
        raise ValueError("`zipf` is for facts that have one value: leave it or `num_drawings` out.")
    # First the most frequent fact alone: beyond that the sum might not be a number.
    if config.zipf * math.log(num_facts) > math.log(MOST_LINES) or _counts(config).sum() > MOST_LINES:
        raise ValueError(
            f"`zipf` (={config.zipf}) gives {num_facts:,} facts more than {MOST_LINES:,} lines in all: lower it, or "
            "take fewer facts."
        )
