"""Strings to copy and to reverse, against all strings that there are."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from dataset_builders import load_task


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("letters", "shortest", "longest", "fraction"), [("abc", 1, 4, 0.25), ("ab", 3, 3, 0.5), ("abcdef", 1, 2, 0.1)]
)
def test_lines_are_those_of_the_slow_twin(reverse, letters, shortest, longest, fraction):
    dials = {"num_letters": len(letters), "shortest": shortest, "longest": longest, "num_strings": 1000}
    splits = load_task("copy", reverse=reverse, withheld_fraction=fraction, **dials)
    asked = splits["questions"].to_list()
    strings = ["".join(string) for n in range(shortest, longest + 1) for string in product(letters, repeat=n)]
    mark = "<" if reverse else ">"
    assert [question["prompt"] for question in asked] == [string + mark for string in strings]
    for question, string in zip(asked, strings, strict=True):
        answer = "".join(reversed(string)) if reverse else string
        assert (question["answer"], question["text"]) == (answer, f"{string}{mark}{answer}\n")
        assert (question["kind"], question["ability"]) == ("reverse" if reverse else "copy", "rule")
    assert sum(not question["seen"] for question in asked) == round(fraction * len(strings))
    assert sorted(splits["train"]["text"]) == sorted(question["text"] for question in asked if question["seen"])


@pytest.mark.parametrize(
    ("letters", "lengths", "number"),
    [(8, (2, 5), 100), (26, (3, 7), 3000), (2, (24, 26), 500)],  # where there are too many to be listed, too
)
def test_so_many_strings_of_each_length_are_drawn(letters, lengths, number):
    shortest, longest = lengths
    dials = {"num_letters": letters, "shortest": shortest, "longest": longest, "num_strings": number}
    prompts = load_task("copy", **dials)["questions"]["prompt"][:]
    assert Counter(len(prompt) - 1 for prompt in prompts) == {
        length: min(number, letters**length) for length in range(shortest, longest + 1)
    }
    assert prompts == sorted(set(prompts), key=lambda prompt: (len(prompt), prompt))
    # All letters equally often, at all places of the longest strings: the counts are within five deviations.
    drawn = np.array([list(prompt[:-1].encode()) for prompt in prompts if len(prompt) == longest + 1]) - ord("a")
    counts = np.stack([np.bincount(column, minlength=letters) for column in drawn.T])
    assert (abs(counts - len(drawn) / letters) < 5 * np.sqrt(len(drawn) / letters)).all()
    other = load_task("copy", **dials, split_seed=1)["questions"]["prompt"][:]
    assert other != prompts


def test_longer_strings_are_withheld_and_as_many_asked_as_are_to_be():
    splits = load_task("copy", "length")
    read, asked = splits["train"]["answer"][:], splits["questions"].to_list()
    assert {len(answer) for answer in read} == set(range(1, 11))
    withheld = [question["answer"] for question in asked if not question["seen"]]
    assert {len(answer) for answer in withheld} == set(range(11, 21))
    assert len(withheld) == 1_000
    assert {question["answer"] for question in asked if question["seen"]} == set(read[:1_000])


def test_both_directions_go_into_one_text():
    parts = [{"path": "copy"}, {"path": "copy", "name": "reverse"}]
    asked = load_task("mixture", tasks=parts)["questions"].to_list()
    assert Counter(question["kind"] for question in asked) == {"copy": 364, "reverse": 364}
    halves = asked[:364], asked[364:]
    for copied, turned in zip(*halves, strict=True):
        assert copied["answer"] == turned["answer"][::-1]
        assert copied["seen"] == turned["seen"]
