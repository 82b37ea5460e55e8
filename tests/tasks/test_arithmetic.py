"""The dials of the arithmetic, each against a slow twin that is obviously right."""

import random
import re
from itertools import product

import numpy as np
import pytest

from dataset_builders import load_task
from dataset_builders.arithmetic.builder import Arithmetic
from dataset_builders.arithmetic.equations import Equations
from dataset_builders.arithmetic.splits import withheld_rule
from dataset_builders.building.draws import drawn_integers, drawn_order, generator


KINDS = {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}
REVERSED = ("reversed_addition", "ten_digit_addition")
TWO_DIGITS = {"digits": 2, "operations": ["+"]}


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def twin(digits=1, operations="+-", modulus=None, notation="digits", zero_padded=False, **reversed_parts):
    """All equations in order, as (a, b, prompt, answer, kind); and the length of a line."""
    operands = range(modulus or 10**digits)
    equations = []
    for a, b, sign in product(operands, operands, operations):
        if sign != "/":
            value = {"+": a + b, "-": a - b, "*": a * b}[sign]
            equations.append((a, sign, b, value if modulus is None else value % modulus))
        elif b != 0:
            equations.append((a, sign, b, next(c for c in operands if b * c % modulus == a)))
    longest = dict.fromkeys(operations, 0)
    for _a, sign, _b, value in equations:
        longest[sign] = max(longest[sign], len(str(abs(value))))
    rows = []
    for a, sign, b, value in equations:
        x, y, z = str(a), str(b), str(abs(value))
        if zero_padded:
            x, y, z = x.zfill(len(str(operands[-1]))), y.zfill(len(str(operands[-1]))), z.zfill(longest[sign])
        if reversed_parts.get("reversed_operands"):
            x, y = "".join(reversed(x)), "".join(reversed(y))
        if reversed_parts.get("reversed_answer"):
            z = "".join(reversed(z))
        if notation == "symbols":
            x, y, z = chr(0x4E00 + a), chr(0x4E00 + b), chr(0x4E00 + value)
        rows.append((a, b, f"<{x}{sign}{y}=", "-" + z if value < 0 else z, KINDS[sign]))
    return rows, max(len(row[2]) for row in rows) + max(len(row[3]) for row in rows) + 1


@pytest.mark.parametrize(
    "dials",
    [
        {},
        {"operations": "*+"},
        {"operations": "-", "zero_padded": True, "reversed_answer": True},
        {"operations": "+-*", "digits": 2, "reversed_answer": True},
        {"operations": "-*", "digits": 2, "zero_padded": True},
        {"operations": "-+", "digits": 2, "reversed_operands": True},
        {"operations": "+", "digits": 2, "zero_padded": True, "reversed_operands": True, "reversed_answer": True},
        {"operations": "+-*/", "modulus": 7},
        {"operations": "+*", "modulus": 12, "zero_padded": True, "reversed_answer": True},
        {"operations": "-", "modulus": 12, "reversed_operands": True},
        {"operations": "/-", "modulus": 13, "notation": "symbols"},
        {"operations": "/", "modulus": 2, "notation": "symbols"},
    ],
    ids=str,
)
def test_equations_are_those_of_the_slow_twin(dials):
    given = {**dials, "operations": list(dials.get("operations", "+-")), "withheld_pairs": [[0, 1]]}
    asked = load_task("arithmetic", **given)["questions"].to_list()
    rows, length = twin(**dials)
    assert len(asked) == len(rows)
    for question, (a, b, prompt, answer, kind) in zip(asked, rows, strict=True):
        assert (question["prompt"], question["answer"], question["kind"]) == (prompt, answer, kind)
        assert question["text"] == f"{prompt}{answer}>".ljust(length) + "\n"
        assert (question["end"], question["ability"]) == (">", "rule")
        assert question["seen"] == ({a, b} != {0, 1})


@pytest.mark.parametrize(
    ("dials", "is_withheld"),
    [
        ({"withheld_split": "operand", "withheld_operand": 42}, lambda x, y: "42" in (x, y)),
        (
            {"withheld_split": "digit", "withheld_digit": 0, "withheld_position": 0},
            lambda x, y: x[-1] == "0" or y[-1] == "0",
        ),
        (
            {"withheld_split": "digit", "withheld_digit": 3, "withheld_position": 1},
            lambda x, y: "3" in (x[:-1], y[:-1]),
        ),
        (
            {"withheld_split": "digit", "withheld_digit": 0, "withheld_position": 1, "zero_padded": True},
            lambda x, y: x[0] == "0" or y[0] == "0",
        ),
        ({"withheld_split": "length", "longest_in_training": 1}, lambda x, y: max(len(x), len(y)) > 1),
        (
            {"withheld_split": "length", "longest_in_training": 1, "zero_padded": True},
            lambda x, y: not x[0] == y[0] == "0",
        ),
    ],
)
def test_what_is_withheld_goes_by_the_operands_as_they_are_written(dials, is_withheld):
    splits = load_task("arithmetic", "operand", **TWO_DIGITS, **dials)
    asked = splits["questions"].to_list()
    assert len(asked) == 10_000
    for question in asked:
        x, y = re.findall(r"\d+", question["prompt"])
        assert question["seen"] == (not is_withheld(x, y))
    assert sorted(splits["train"]["prompt"]) == sorted(q["prompt"] for q in asked if q["seen"])


def test_ten_seeds_in_a_row_withhold_each_tens_digit_once():
    withheld = []
    for seed in range(1330, 1340):
        read = load_task("arithmetic", "digit", split_seed=seed)["train"]["prompt"]
        withheld += set("0123456789") - {prompt[1] for prompt in read} - {prompt[4] for prompt in read}
        assert len(read) == 90 * 90
    assert sorted(withheld) == list("0123456789")


def pairs(prompts):
    return {frozenset(re.findall(r"\w+", prompt)) for prompt in prompts}


@pytest.mark.parametrize(
    ("name", "dials"),
    [
        ("reversed_addition", {}),
        ("mod_division", {"num_lines": 3000, "num_questions": 700}),
        ("plain_addition", {"digits": 5}),  # too many equations to be listed
        ("plain_addition", {"digits": 7, "operations": ["+", "-", "*"], "num_lines": 30_000}),
        ("plain_addition", {"digits": 9, "operations": ["*"]}),
        ("plain_addition", {"digits": 10, "operations": ["-", "+"], "zero_padded": False}),
        ("ten_digit_addition", {"num_lines": 30_000}),
    ],
)
def test_drawn_equations_are_right_distinct_and_of_pairs_on_one_side(name, dials):
    splits = load_task("arithmetic", name, **dials)
    expected = {"num_lines": 10_000, "num_questions": 1_000, **dials}
    read, asked = splits["train"]["prompt"][:], splits["questions"].to_list()
    assert len(set(read)) == len(read) == expected["num_lines"]
    withheld = [question["prompt"] for question in asked if not question["seen"]]
    assert len(withheld) == expected["num_questions"]
    assert not pairs(withheld) & pairs(read)
    # Of those that are read, the first are asked.
    assert {question["prompt"] for question in asked if question["seen"]} == set(read[: expected["num_questions"]])
    assert [question["prompt"] for question in asked] == sorted(
        (q["prompt"] for q in asked), key=place_in(name, dials)
    )
    if name != "mod_division":
        for question in asked:
            a, sign, b = re.fullmatch(r"<(\d+)([+*-])(\d+)=", question["prompt"]).groups()
            if name == "ten_digit_addition":
                a, b = a[::-1], b[::-1]
            value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
            digits = question["answer"].lstrip("-")
            assert int(digits[::-1] if name in REVERSED else digits) == abs(value)
            assert (question["answer"][0] == "-") == (value < 0)


def place_in(name, dials):
    """Where a prompt comes in the table of all equations."""

    def place(prompt):
        a, sign, b = re.fullmatch(r"<(\w+)(\W)(\w+)=", prompt).groups()
        if name == "ten_digit_addition":
            a, b = a[::-1], b[::-1]
        return (a.zfill(10), b.zfill(10), "".join(dials.get("operations", "+")).find(sign))

    return place


def test_the_numbers_of_the_outside_reference():
    """Three-digit addition as the reversed answers are compared on: 10,000 lines to read, 1,000 withheld to ask."""
    plain, other = load_task("arithmetic", "plain_addition"), load_task("arithmetic", "reversed_addition")
    for straight, turned in zip(plain["train"].to_list(), other["train"].to_list(), strict=True):
        assert re.fullmatch(r"<\d{3}\+\d{3}=\d{4}>\n", turned["text"])
        assert (turned["prompt"], turned["answer"]) == (straight["prompt"], straight["answer"][::-1])
    assert [sum(q["seen"] is seen for q in other["questions"]) for seen in (True, False)] == [1000, 1000]


def test_half_of_the_division_table():
    splits = load_task("arithmetic", "mod_division")
    assert len(splits["questions"]) == 97 * 96
    assert {len(text) for text in splits["train"]["text"]} == {8}
    assert abs(len(splits["train"]) / (97 * 96) - 0.5) < 0.01


@pytest.mark.parametrize("dials", [{}, {"digits": 5}, {"digits": 10}], ids=str)
def test_fewer_lines_are_the_first_of_more(dials):
    few, many = (load_task("arithmetic", "plain_addition", num_lines=n, **dials)["train"] for n in (100, 5000))
    assert few.to_list() == many.to_list()[:100]
    other = load_task("arithmetic", "plain_addition", num_lines=100, split_seed=1, **dials)["train"]
    assert not set(few["prompt"]) & set(other["prompt"])


@pytest.mark.parametrize("digits", [6, 10])
def test_operands_are_drawn_uniformly_and_a_fraction_of_the_pairs_is_withheld(digits):
    prompts = load_task("arithmetic", "plain_addition", digits=digits, num_lines=40_000)["train"]["prompt"]
    operands = np.array([re.findall(r"\d+", prompt) for prompt in prompts]).astype(int)
    tenths = np.stack([np.bincount(column // 10 ** (digits - 1), minlength=10) for column in operands.T])
    # 4,000 expected in each, with a standard deviation of 60.
    assert (abs(tenths - 4000) < 300).all()


@pytest.mark.parametrize("digits", [6, 10])
def test_of_unlisted_pairs_each_is_withheld_by_itself(digits):
    config = Arithmetic.configured("arithmetic", "plain_addition", {"digits": digits})
    is_withheld = withheld_rule(config, Equations(config))
    a, b = np.random.default_rng(0).integers(10**digits, size=(2, 100_000))
    assert (is_withheld(a, b) == is_withheld(b, a)).all()
    # A tenth, with a standard deviation of 0.001; neighbours say nothing of each other.
    assert abs(is_withheld(a, b).mean() - 0.1) < 0.005
    assert abs((is_withheld(a, b) & is_withheld(a, b + 1)).mean() - 0.01) < 0.002
    other = Arithmetic.configured("arithmetic", "plain_addition", {"digits": digits, "split_seed": 2})
    assert (withheld_rule(other, Equations(other))(a, b) != is_withheld(a, b)).any()


@pytest.mark.parametrize("seed", ["", "lines-1337", "values-1"])
def test_draws_are_those_of_python(seed):
    draw = random.Random(seed)
    drawn = [draw.random() for _ in range(1000)]
    assert generator(seed).random_sample(1000).tolist() == drawn
    assert drawn_order(1000, seed).tolist() == sorted(range(1000), key=drawn.__getitem__)
    assert drawn_integers(1000, 7, seed).tolist() == [int(7 * share) for share in drawn]
