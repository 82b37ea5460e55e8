"""Two-hop facts: those of one hop against a slow twin, those of two by looking both up."""

import math
import random

import pytest
from support.invented_words import word

from dataset_builders import demanded_bits, load_task
from dataset_builders.building.words import ATTRIBUTES
from dataset_builders.two_hop_facts.builder import RELATIONS


DIALS = [
    ({}, {"num_keys": 50, "num_relations": 2, "num_attributes": 2, "num_values": 10}, 0.2),
    ({"split_seed": 3}, {"num_keys": 2, "num_relations": 1, "num_attributes": 1, "num_values": 2}, 0.5),
    ({"split_seed": 4}, {"num_keys": 30, "num_relations": 10, "num_attributes": 3, "num_values": 700}, 0.9),
]


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def name_of(key):
    name = word(key, "bdklmnprstz", 4)
    return f"{name[:4].capitalize()} {name[4:].capitalize()}"


def twin_of_one_hop(num_keys, num_relations, num_attributes, num_values, seed):
    related, drawn = random.Random(f"relations-{seed}"), random.Random(f"values-{seed}")
    length = next(length for length in (2, 3, 4) if 45**length >= num_attributes * num_values)
    for key in range(num_keys):
        others = [other for other in range(num_keys) if other != key]
        for relation in RELATIONS[:num_relations]:
            yield f"{name_of(key)} {relation}: ", name_of(others[int(related.random() * len(others))])
        for place, attribute in enumerate(ATTRIBUTES[:num_attributes]):
            value = place * num_values + int(drawn.random() * num_values)
            yield f"{name_of(key)} {attribute}: ", word(value, "vcfhjqwxy", length)


@pytest.mark.parametrize(("given", "dials", "fraction"), DIALS)
def test_facts_are_those_of_the_slow_twin_and_compositions_follow_from_them(given, dials, fraction):
    splits = load_task("two_hop_facts", **given, **dials, withheld_fraction=fraction)
    asked, read = splits["questions"].to_list(), splits["train"].to_list()
    facts = dict(twin_of_one_hop(**dials, seed=given.get("split_seed", 1337)))
    one_hop, two_hop = asked[: len(facts)], asked[len(facts) :]
    assert [(question["prompt"], question["answer"]) for question in one_hop] == list(facts.items())
    assert {(q["kind"], q["ability"], q["seen"]) for q in one_hop} == {("one-hop", "fact", True)}

    people, relations, attributes = (dials[name] for name in ("num_keys", "num_relations", "num_attributes"))
    compositions = [
        (f"{name_of(key)} {relation} {attribute}: ", facts[f"{facts[f'{name_of(key)} {relation}: ']} {attribute}: "])
        for key in range(people)
        for relation in RELATIONS[:relations]
        for attribute in ATTRIBUTES[:attributes]
    ]
    assert [(question["prompt"], question["answer"]) for question in two_hop] == compositions
    assert {(q["kind"], q["ability"], q["end"]) for q in two_hop} == {("two-hop", "rule", "\n")}
    assert sum(not question["seen"] for question in two_hop) == round(fraction * len(compositions))
    assert sorted(line["text"] for line in read) == sorted(q["text"] for q in asked if q["seen"])
    assert all(question["text"] == question["prompt"] + question["answer"] + "\n" for question in asked)


@pytest.mark.parametrize(("given", "dials", "fraction"), DIALS)
def test_the_demand_is_that_of_one_hop(given, dials, fraction):
    demand = demanded_bits("two_hop_facts", **given, **dials, withheld_fraction=fraction)
    people = dials["num_keys"]
    each = dials["num_relations"] * math.log2(people - 1) + dials["num_attributes"] * math.log2(dials["num_values"])
    assert demand.bits == pytest.approx(people * each)
    splits = load_task("two_hop_facts", **given, **dials, withheld_fraction=fraction)
    facts = [line for line in splits["train"] if line["kind"] in demand.kinds]
    assert demand.num_items == len(facts)
    assert demand.num_scored_tokens == sum(len(line["answer"]) for line in facts)
    assert demand.bits_per_item * demand.num_items == pytest.approx(demand.bits)


def test_of_each_sort_as_many_are_asked_as_are_to_be():
    asked = load_task("two_hop_facts", num_questions=30)["questions"].to_list()
    sorts = [(question["kind"], question["seen"]) for question in asked]
    assert {sort: sorts.count(sort) for sort in sorts} == dict.fromkeys(
        [("one-hop", True), ("two-hop", True), ("two-hop", False)], 30
    )
    everything = load_task("two_hop_facts")["questions"].to_list()
    places = [everything.index(question) for question in asked]
    assert places == sorted(places)


def test_a_seed_draws_what_is_withheld_and_what_is_true():
    first, second = (load_task("two_hop_facts", split_seed=seed)["questions"].to_list() for seed in (1, 2))
    assert [question["prompt"] for question in first] == [question["prompt"] for question in second]
    assert [question["answer"] for question in first] != [question["answer"] for question in second]
    withheld, other = ({q["prompt"] for q in asked if not q["seen"]} for asked in (first, second))
    assert len(withheld & other) < 20  # 8 of 40 are expected
