"""Recall in context, each answer by looking its key up in the line; and where in a line its answers stand."""

import math
from itertools import permutations

import numpy as np
import pytest

from dataset_builders import load_task
from dataset_builders.associative_recall.builder import _different
from dataset_builders.building import generator


FIRST = 0x4E00


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def pairs_of(text):
    assert text.endswith(" \n")
    return [tuple(pair) for pair in text[:-2].split(" ")]


@pytest.mark.parametrize(
    ("name", "dials"),
    [
        ("tiny", {}),
        ("tiny", {"num_pairs": 1, "num_lines": 100}),
        ("tiny", {"num_pairs": 6, "num_queries": 2, "num_keys": 6, "num_values": 40, "num_withheld": 500}),
        ("mqar", {"num_lines": 3000, "split_seed": 5}),
    ],
)
def test_lines_and_questions_are_what_looking_up_gives(name, dials):
    splits = load_task("associative_recall", name, **dials)
    read, asked = splits["train"].to_list(), splits["questions"].to_list()
    expected = {"num_pairs": 4, "num_lines": 400, "num_withheld": 20, "num_keys": 16, "num_values": 16}
    if name == "mqar":
        expected |= {"num_keys": 128, "num_values": 128, "num_withheld": 1000}
    expected |= dials
    number, queries = expected["num_pairs"], dials.get("num_queries", expected["num_pairs"])
    first_value = FIRST + expected["num_keys"]
    withheld = list(dict.fromkeys(question["text"] for question in asked if not question["seen"]))
    lines = [line["text"] for line in read]
    assert (len(lines), len(withheld)) == (expected["num_lines"], expected["num_withheld"])

    questions = {}
    for text in lines + withheld:
        pairs = pairs_of(text)
        beside, again = dict(pairs[:number]), pairs[number:]
        assert len(beside) == len(set(beside.values())) == number
        assert {FIRST <= ord(key) < first_value <= ord(value) for key, value in beside.items()} == {True}
        assert max(map(ord, beside.values())) < first_value + expected["num_values"]
        assert len(again) == len(dict(again)) == queries
        assert all(beside[key] == value for key, value in again)
        stop = 3 * number + 1
        questions[text] = [(text[: stop + 3 * place], beside[key]) for place, (key, _) in enumerate(again)]
    asked_lines = lines[: expected["num_withheld"]] + withheld
    assert [(question["prompt"], question["answer"]) for question in asked] == [
        question for text in asked_lines for question in questions[text]
    ]
    assert [(line["prompt"], line["answer"]) for line in read] == [questions[text][0] for text in lines]
    assert {(q["end"], q["kind"], q["ability"]) for q in asked} == {(" ", "association", "rule")}
    beginnings = [text[: 3 * number] for text in lines + withheld]
    assert len(set(beginnings)) == len(beginnings)


def test_the_answers_of_a_line_follow_from_its_row():
    """Every `end` after the prompt closes an answer as long as the first: these are all questions of the line."""
    splits = load_task("associative_recall", num_withheld=400)
    asked = {}
    for question in splits["questions"].filter(lambda question: question["seen"]).to_list():
        start = len(question["prompt"])
        asked.setdefault(question["text"], []).append((start, start + len(question["answer"] + question["end"])))
    for line in splits["train"].to_list():
        text, length, end = line["text"], len(line["answer"]), line["end"]
        closed = [place for place in range(len(line["prompt"]), len(text)) if text.startswith(end, place)]
        assert [(place - length, place + len(end)) for place in closed] == asked[line["text"]]


@pytest.mark.parametrize(("below", "each"), [(3, 3), (5, 2), (40, 40), (1, 1)])
def test_different_numbers_are_those_of_the_slow_twin(below, each):
    drawn = _different(generator("seed"), 60, below, each)
    draws = generator("seed")
    left, twin = [list(range(below)) for _ in range(60)], [[] for _ in range(60)]
    for _ in range(each):
        for numbers, row, share in zip(left, twin, draws.random_sample(60), strict=True):
            row.append(numbers.pop(int(share * len(numbers))))
    assert drawn.tolist() == twin


def test_every_order_is_equally_likely():
    rows = _different(generator("seed"), 60_000, 4, 3)
    counts = [(rows == order).all(axis=1).sum() for order in permutations(range(4), 3)]
    assert len(counts) == 24
    assert (abs(np.array(counts) - 2500) < 5 * math.sqrt(2500)).all()


def test_a_seed_draws_the_lines():
    first, second = (set(load_task("associative_recall", split_seed=seed)["train"]["text"]) for seed in (1, 2))
    assert not first & second
