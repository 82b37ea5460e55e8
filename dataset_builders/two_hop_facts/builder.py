"""Facts of invented people in one hop, and what follows from two of them: some of that is read, some withheld.

From `Sisa Rome boss: Pera Sizu` and `Pera Sizu city: qaho` follows `Sisa Rome boss city: qaho`. It is asked as the
prompt `Sisa Rome boss city: `, whose answer is `qaho`, closed by a newline.
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
    number_withheld,
    question_table,
    words,
)


RELATIONS = ("friend", "boss", "doctor", "teacher", "neighbour", "landlord", "tutor", "partner", "trainer", "rival")


@dataclass
class TwoHopFactsConfig(QuestionConfig):
    """
    Args:
        num_keys (`int`, defaults to 50):
            N, the people.
        num_relations (`int`, defaults to 2):
            R, the relations that each of them has, each to one of the others, all equally likely.
        num_attributes (`int`, defaults to 2):
            K, the attributes that each of them has.
        num_values (`int`, defaults to 10):
            C, the values that each attribute has, all equally likely; no two attributes share one.
        withheld_fraction (`float`, defaults to 0.2):
            The share of the N R K compositions that is never read, to the nearest whole number, drawn by `split_seed`.
            Both facts that a withheld one follows from are read.
        num_questions (`int`, *optional*):
            How many facts, compositions that are read and compositions that are withheld are asked at most, of each,
            drawn without replacement. All if left out.
        split_seed (`int`, defaults to 1337):
            Draws the relations and values, independently; what is withheld and asked; and the order of the lines. Who
            the people are does not depend on it: those of a smaller N are the first of a larger one.
    """

    num_keys: int = 50
    num_relations: int = 2
    num_attributes: int = 2
    num_values: int = 10
    withheld_fraction: float = 0.2
    num_questions: int | None = None


class TwoHopFacts(QuestionBuilder):
    """N people, N (R + K) facts of one hop and N R K of two: config `people` has 200 and 200, of which 40 withheld."""

    title = "Two-hop facts of invented people"
    paper = "2405.15071"
    example = "Sisa Rome boss city: "

    BUILDER_CONFIG_CLASS = TwoHopFactsConfig
    BUILDER_CONFIGS = (
        TwoHopFactsConfig(name="people", description="50 people with 2 relations and 2 attributes of 10 values each."),
    )
    DEFAULT_CONFIG_NAME = "people"

    @staticmethod
    def tables(config: TwoHopFactsConfig) -> Splits:
        num_withheld, seed = _check(config), config.split_seed
        is_seen = np.ones(config.num_keys * config.num_relations * config.num_attributes, bool)
        is_seen[drawn_order(len(is_seen), f"withheld-{seed}")[:num_withheld]] = False
        facts, compositions = _facts_and_compositions(config, is_seen)
        both = pa.concat_tables([facts, compositions])
        order = drawn_order(len(both), f"questions-{seed}")
        sort = np.concatenate([np.zeros(len(facts), int), 2 - is_seen])[order]
        asked = np.concatenate([order[sort == number][: config.num_questions] for number in range(3)])
        lines = both.take(pa.array(drawn_order(len(both), f"lines-{seed}")))
        return {"train": lines.filter(lines["seen"]), "questions": both.take(pa.array(np.sort(asked)))}

    @staticmethod
    def demand(config: TwoHopFactsConfig) -> Demand:
        _check(config)
        people, relations, attributes = config.num_keys, config.num_relations, config.num_attributes
        num_facts = people * (relations + attributes)
        bits = people * (relations * math.log2(people - 1) + attributes * math.log2(config.num_values))
        characters = relations * words.NAME_LENGTH + attributes * words.value_length(attributes * config.num_values)
        return Demand(
            estimator="facts with given keys",
            bits=bits,
            num_items=num_facts,
            bits_per_item=bits / num_facts,
            num_scored_tokens=people * characters,
            scored="answer",
            kinds=("one-hop",),
            alphabet=words.VALUE_LETTERS,  # each name that is an answer is a key of some line too
            source="Allen-Zhu & Li (2024), arXiv 2404.05405",
        )


def _facts_and_compositions(config: TwoHopFactsConfig, is_seen: np.ndarray) -> tuple[pa.Table, pa.Table]:
    """What is true of each person in one hop, all of it read, and in two, some of it: a truth value for each."""
    people, relations, attributes = config.num_keys, config.num_relations, config.num_attributes
    others_NR = drawn_integers(people * relations, people - 1, f"relations-{config.split_seed}")
    others_NR = others_NR.reshape(people, relations)
    others_NR += others_NR >= np.arange(people)[:, None]  # nobody is related to themselves
    values_NK = drawn_integers(people * attributes, config.num_values, f"values-{config.split_seed}")
    values_NK = values_NK.reshape(people, attributes) + np.arange(attributes) * config.num_values

    names, num_values = words.names(people), attributes * config.num_values
    of_one_hop = [
        *zip(RELATIONS, (names.take(pa.array(others)) for others in others_NR.T), strict=False),
        *zip(words.ATTRIBUTES, (words.values(values, num_values) for values in values_NK.T), strict=False),
    ]
    of_two_hops = [
        (f"{relation} {attribute}", words.values(values_NK[others, place], num_values))
        for relation, others in zip(RELATIONS, others_NR.T, strict=False)
        for place, attribute in enumerate(words.ATTRIBUTES[:attributes])
    ]
    facts = _table(names, of_one_hop, kind="one-hop", ability="fact", seen=True)
    return facts, _table(names, of_two_hops, kind="two-hop", ability="rule", seen=is_seen)


def _table(names: pa.Array, statements: list[tuple[str, pa.Array]], **columns: str | bool | np.ndarray) -> pa.Table:
    """Lines of what is said of all people: person after person, and of each in the order of `statements`."""
    by_person = pa.array(np.arange(len(names) * len(statements)).reshape(len(statements), len(names)).T.ravel())
    prompts = pa.concat_arrays([pc.binary_join_element_wise(names, f"{what}: ", " ") for what, _ in statements])
    answers = pa.concat_arrays([answers for _, answers in statements])
    prompts, answers = prompts.take(by_person), answers.take(by_person)
    text = pc.binary_join_element_wise(prompts, answers, "\n", "")
    return question_table(text=text, prompt=prompts, answer=answers, end="\n", **columns)


def _check(config: TwoHopFactsConfig) -> int:
    """How many compositions are withheld."""
    check_whole_number("num_keys", config.num_keys, 2, words.MOST_NAMES, ", so many different names there are")
    for name, known in (("num_relations", RELATIONS), ("num_attributes", words.ATTRIBUTES)):
        check_whole_number(name, getattr(config, name), 1, len(known), ", so many have a word")
    high = words.MOST_VALUES // config.num_attributes
    check_whole_number("num_values", config.num_values, 2, high, ", so many different values there are")
    num_compositions = config.num_keys * config.num_relations * config.num_attributes
    num_lines = config.num_keys * (config.num_relations + config.num_attributes) + num_compositions
    if num_lines > MOST_LINES:
        raise ValueError(
            f"`num_keys` (={config.num_keys:,}) people have {num_lines:,} facts of one hop and of two, more than "
            f"{MOST_LINES:,}: lower it, `num_relations` or `num_attributes`."
        )
    if config.num_questions is not None:
        check_whole_number("num_questions", config.num_questions, 1, MOST_LINES)
    return number_withheld(config.withheld_fraction, num_compositions, "compositions")
