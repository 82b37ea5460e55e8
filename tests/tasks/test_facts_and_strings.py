"""Facts and random strings against slow twins, and the bits that they demand against hand counts."""

import random
import unicodedata
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from support.invented_words import word

from dataset_builders import Demand, demanded_bits, load_task
from dataset_builders.building.words import ATTRIBUTES
from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def twin_of_facts(num_keys, num_attributes, num_values, seed):
    draw, length = random.Random(f"values-{seed}"), 2
    while 45**length < num_attributes * num_values:
        length += 1
    for key in range(num_keys):
        name = word(key, "bdklmnprstz", 4)
        for attribute in range(num_attributes):
            value = attribute * num_values + int(draw.random() * num_values)
            prompt = f"{name[:4].capitalize()} {name[4:].capitalize()} {ATTRIBUTES[attribute]} "
            yield prompt, word(value, "vcfhjqwxy", length), ATTRIBUTES[attribute]


@pytest.mark.parametrize(
    ("num_keys", "num_attributes", "num_values", "seed"), [(50, 3, 10, 1337), (1, 20, 2, 1), (300, 2, 1500, 2)]
)
def test_facts_are_those_of_the_slow_twin(num_keys, num_attributes, num_values, seed):
    dials = {"num_keys": num_keys, "num_attributes": num_attributes, "num_values": num_values}
    splits = load_task("facts", **dials, split_seed=seed)
    asked = splits["questions"].to_list()
    twin = list(twin_of_facts(**dials, seed=seed))
    assert [(question["prompt"], question["answer"], question["kind"]) for question in asked] == twin
    for question in asked:
        assert question["text"] == question["prompt"] + question["answer"] + question["end"]
        assert (question["end"], question["ability"], question["seen"]) == ("\n", "fact", True)
    order = random.Random(f"lines-{seed}")
    assert splits["train"].to_list() == sorted(asked, key=lambda _: order.random())


def octave(count):
    """What a fact with so many lines is called."""
    power = 0
    while 2 ** (power + 1) <= count:
        power += 1
    return "1 line" if power == 0 else f"{2**power}-{2 ** (power + 1) - 1} lines"


@pytest.mark.parametrize(
    ("num_keys", "zipf", "seed"), [(50, 1.0, 1337), (7, 0.5, 1), (40, 2, 2), (1, 1.5, 3), (300, 0.01, 4)]
)
def test_a_frequency_tail_is_that_of_the_slow_twin(num_keys, zipf, seed):
    once = load_task("facts", num_keys=num_keys, split_seed=seed)
    tail = load_task("facts", num_keys=num_keys, split_seed=seed, zipf=zipf)
    facts, draw = once["questions"].to_list(), random.Random(f"frequencies-{seed}")
    draws = [draw.random() for _ in facts]
    counts = [0] * len(facts)
    for rank, place in enumerate(sorted(range(len(facts)), key=draws.__getitem__), 1):
        counts[place] = round((len(facts) / rank) ** zipf)
    assert min(counts) == 1
    twin = [{**fact, "kind": octave(count)} for fact, count in zip(facts, counts, strict=True)]
    assert tail["questions"].to_list() == twin
    again = [fact for fact, count in zip(twin, counts, strict=True) for _ in range(count - 1)]
    order = random.Random(f"again-{seed}")
    first, rest = tail["train"].to_list()[: len(facts)], tail["train"].to_list()[len(facts) :]
    assert [line["text"] for line in first] == once["train"]["text"][:], "each once, in the order that they have alone"
    assert rest == sorted(again, key=lambda _: order.random())


def test_a_frequency_tail_leaves_the_bits_alone_and_says_how_often_facts_come():
    """Four facts and an exponent of 1: 4, 2, 4 / 3 and 1 lines."""
    dials = {"num_keys": 4, "num_attributes": 1, "num_values": 16}
    demand, tail = demanded_bits("facts", **dials), demanded_bits("facts", **dials, zipf=1.0)
    assert (tail.bits, tail.num_items, tail.num_scored_tokens) == (16.0, 4, demand.num_scored_tokens)
    assert tail.kinds == ("1 line", "2-3 lines", "4-7 lines")
    task = Task.load(TaskConfig(path="facts", parameters={**dials, "zipf": 1.0}), 1337)
    assert Counter(Counter(task.lines["prompt"]).values()) == {4: 1, 2: 1, 1: 2}
    assert task.lines_per_item == 2
    assert task.rates == {"recall", *(f"recall of {kind}" for kind in tail.kinds)}


def test_no_name_attribute_or_value_is_another():
    asked = load_task("facts", num_keys=2000, num_attributes=20, num_values=100)["questions"]
    names, values = {prompt.rsplit(" ", 2)[0] for prompt in asked["prompt"]}, set(asked["answer"])
    assert len(names) == len(values) == 2000
    assert set(Counter(kind for kind, _ in set(zip(asked["kind"], asked["answer"], strict=True))).values()) == {100}
    words = {part.lower() for name in names for part in (name, *name.split())}
    assert not words & values
    assert not set(ATTRIBUTES) & (words | values)
    assert {len(value) for value in values} == {4}


def test_values_are_drawn_uniformly_by_the_split_seed():
    drawn = [load_task("facts", num_keys=4000, split_seed=seed)["questions"] for seed in (1, 2)]
    counts = Counter(drawn[0]["answer"])
    # 400 of each of the 30 values are expected, with a standard deviation of 19.
    assert len(counts) == 30
    assert all(300 < count < 500 for count in counts.values())
    assert drawn[0]["prompt"][:] == drawn[1]["prompt"][:]
    same = sum(map(str.__eq__, drawn[0]["answer"], drawn[1]["answer"]))
    assert 1000 < same < 1400  # a tenth
    few, more = (load_task("facts", num_keys=n)["questions"] for n in (5, 50))
    assert few["answer"][:] == more["answer"][:15]


def twin_of_strings(num_strings, length, num_symbols, seed):
    draw = random.Random(f"strings-{seed}")
    strings = []
    for _ in range(num_strings):
        strings.append("".join(chr(0x4E00 + int(draw.random() * num_symbols)) for _ in range(length)))
    asked = []
    for place, string in enumerate(strings):
        endings = {other[-1] for other in strings if other[:-1] == string[:-1]}
        if len(endings) == 1 and string not in strings[:place]:
            asked.append(string)
    return strings, asked


@pytest.mark.parametrize(
    ("num_strings", "length", "num_symbols", "seed"),
    [(64, 4, 16, 1337), (40, 2, 30, 1), (300, 3, 9, 2), (20, 5, 20_000, 3)],
)
def test_strings_are_those_of_the_slow_twin(num_strings, length, num_symbols, seed):
    dials = {"num_strings": num_strings, "length": length, "num_symbols": num_symbols}
    splits = load_task("random_strings", **dials, split_seed=seed)
    strings, asked = twin_of_strings(**dials, seed=seed)
    assert splits["train"]["text"][:] == [f"{string}\n" for string in strings]
    assert [q["prompt"] + q["answer"] for q in splits["questions"]] == asked
    assert all(q["text"] == q["prompt"] + q["answer"] + q["end"] for q in splits["questions"])
    assert {(q["end"], q["kind"], q["ability"], q["seen"]) for q in splits["questions"]} == {
        ("\n", "string", "fact", True)
    }


def test_every_symbol_is_a_character_of_its_own_and_may_come():
    text = "".join(load_task("random_strings", num_strings=100_000, num_symbols=20_000)["train"]["text"])
    assert len(set(text)) == 20_001
    symbols = "".join(sorted(set(text) - {"\n"}))
    assert symbols.isprintable()
    assert not any(symbol.isspace() for symbol in symbols)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert unicodedata.is_normalized(form, symbols)


@pytest.mark.parametrize(("task", "dials"), [("facts", {"num_keys": 50}), ("random_strings", {"num_strings": 64})])
def test_fewer_questions_leave_the_text_alone(task, dials):
    whole, some = load_task(task, **dials), load_task(task, **dials, num_questions=20)
    assert some["train"].to_list() == whole["train"].to_list()
    asked = some["questions"].to_list()
    assert len(asked) == 20
    assert asked == [question for question in whole["questions"].to_list() if question in asked]


def test_facts_drawn_again_and_again_are_noise_in_the_same_lines_and_letters():
    facts = {"num_keys": 12, "num_values": 16}

    def beside_sums(**dials):
        parts = [{"path": "arithmetic", "name": "random"}, {"path": "facts", "parameters": facts | dials}]
        lines = load_task("mixture", tasks=parts)["train"].to_list()
        return [line for line in lines if line["ability"] == "fact"], lines

    (once, known), (often, noise) = beside_sums(), beside_sums(num_drawings=400)
    assert len(often) == 400 * len(once) == 400 * 36
    assert Counter(line["prompt"] for line in often) == {line["prompt"]: 400 for line in once}
    assert set("".join(line["text"] for line in noise)) == set("".join(line["text"] for line in known))
    # Each prompt has each of its 16 values about 25 times; chi-square of 36 x 15 degrees of freedom.
    counts = np.array(list(Counter((line["prompt"], line["answer"]) for line in often).values()))
    assert len(counts) == 36 * 16
    assert stats.chi2(36 * 15).ppf(0.001) < ((counts - 25) ** 2 / 25).sum() < stats.chi2(36 * 15).ppf(0.999)
    assert demanded_bits("facts", **facts, num_drawings=400) is None


# The bits


@pytest.mark.parametrize(
    ("arguments", "parameters", "estimator", "bits", "num_items", "num_scored_tokens", "scored"),
    [
        (["facts"], {}, "facts with given keys", 498.289214, 150, 600, "answer"),
        (["facts", "people"], {"num_values": 16, "num_keys": 10}, "facts with given keys", 120, 30, 120, "answer"),
        (["facts"], {"num_values": 1024}, "facts with given keys", 1500, 150, 900, "answer"),
        (["random_strings"], {}, "random strings", 1024, 64, 256, "text"),
        (["random_strings", "morris_s4"], {}, "random strings", 180_224, 4096, 16_384, "text"),
        (["random_strings"], {"length": 8, "num_symbols": 3}, "random strings", 811.5008, 64, 512, "text"),
    ],
)
def test_demanded_bits_are_those_of_a_hand_count(
    arguments, parameters, estimator, bits, num_items, num_scored_tokens, scored
):
    demand = demanded_bits(*arguments, **parameters)
    assert (demand.estimator, demand.num_items, demand.scored) == (estimator, num_items, scored)
    assert demand.bits == pytest.approx(bits)
    assert demand.bits_per_item == pytest.approx(bits / num_items)
    assert demand.num_scored_tokens == num_scored_tokens
    lines = load_task(*arguments, **parameters)["train"]
    assert len(lines) == num_items
    items = [line.removesuffix("\n") for line in lines["text"]] if scored == "text" else lines["answer"][:]
    assert sum(map(len, items)) == num_scored_tokens
    assert set("".join(items)) <= set(demand.alphabet)


def test_what_is_not_drawn_uniformly_has_no_bits():
    facts, strings = {"path": "facts", "parameters": {"num_keys": 10}}, {"path": "random_strings"}
    for task in ("arithmetic", "capitals", "mixture", "both", "somebody/elsewhere"):
        assert demanded_bits(task) is None
    assert demanded_bits("mixture", tasks=[facts, strings]) is None
    assert demanded_bits("mixture", tasks=[facts, {"path": "arithmetic"}]) == demanded_bits("facts", num_keys=10)
    assert isinstance(demanded_bits("facts"), Demand)


def test_bits_of_what_is_impossible_are_refused():
    with pytest.raises(ValueError, match=r"`num_symbols` must be a whole number from 2 to 20,000, .*; got 20001"):
        demanded_bits("random_strings", num_symbols=20_001)
    with pytest.raises(
        ValueError, match="The task 'facts' has no parameter 'keys'; it takes 'split_seed', 'num_keys'"
    ):
        demanded_bits("facts", keys=3)
