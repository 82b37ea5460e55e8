"""Label noise and shuffled answers against slow twins, and the bits of shuffled answers against hand counts."""

import math
import random
from collections import Counter
from itertools import permutations

import pytest

from dataset_builders import demanded_bits, load_task
from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task


PAPER = ["arithmetic", "paper"]
COLUMNS = ("text", "prompt", "answer", "end", "kind", "ability", "seen")
MANY_PAIRS = [[place, place + 50] for place in range(12)]
LONG = {"digits": 2, "zero_padded": True, "reversed_answer": True, "withheld_pairs": MANY_PAIRS}
DIALS = [
    {},
    {**LONG, "split_seed": 5, "num_lines": 700, "num_questions": 40},
    {"operations": ["-", "*"], "withheld_pairs": [[1, 2], [3, 3]], "split_seed": 2},
    {"operations": ["+", "/"], "modulus": 11, "notation": "symbols", "withheld_pairs": [[1, 2]]},
]


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def by_operation(lines):
    """The places of the lines of each kind, in the order in which a config names the operations."""
    order = {"addition": "+", "subtraction": "-", "multiplication": "*", "division": "/"}
    found = {}
    for place, line in enumerate(lines):
        found.setdefault(line["kind"].rpartition(" ")[2], []).append(place)
    return {order[kind]: places for kind, places in found.items()}


def size_of(answer, dials):
    """What number an answer is, so that answers can be sorted as numbers."""
    if dials.get("notation") == "symbols":
        return ord(answer)
    digits = answer.lstrip("-")
    value = int(digits[::-1] if dials.get("reversed_answer") else digits)
    return -value if answer.startswith("-") else value


def answered(line, answer, change):
    """The line with another answer, padded to the length that it had."""
    text = f"{line['prompt']}{answer}>"
    text = text.ljust(len(line["text"]) - 1) + "\n"
    return {**line, "text": text, "answer": answer, "kind": f"{change} {line['kind']}", "ability": "fact"}


def in_order(number, draw):
    draws = [draw.random() for _ in range(number)]
    return sorted(range(number), key=draws.__getitem__)


def twin_of_noise(lines, share, seed, dials):
    number, lines = round(share * len(lines)), list(lines)
    corrupted = in_order(len(lines), random.Random(f"noisy-lines-{seed}"))[:number]
    draw = random.Random(f"noisy-answers-{seed}")
    answers = {
        place: sorted({lines[other]["answer"] for other in places}, key=lambda answer: size_of(answer, dials))
        for places in by_operation(lines).values()
        for place in places
    }
    for place in corrupted:
        own, all_of_them = lines[place]["answer"], answers[place]
        step = 1 + int(draw.random() * (len(all_of_them) - 1))
        other = all_of_them[(all_of_them.index(own) + step) % len(all_of_them)]
        lines[place] = answered(lines[place], other, "corrupted")
    return lines


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("dials", DIALS, ids=str)
def test_noise_is_that_of_the_slow_twin_and_leaves_all_else_alone(dials, share):
    clean, noisy = load_task(*PAPER, **dials), load_task(*PAPER, **dials, label_noise=share)
    twin = twin_of_noise(clean["train"].to_list(), share, dials.get("split_seed", 1337), dials)
    assert noisy["train"].to_list() == twin
    lines = {line["prompt"]: line for line in twin}
    for question, before in zip(noisy["questions"].to_list(), clean["questions"].to_list(), strict=True):
        assert question == lines.get(question["prompt"], before), "withheld questions keep their rule"
        if question["ability"] == "fact":
            assert question["seen"]
            assert question["answer"] != before["answer"]
    corrupted = [line for line in twin if line["kind"].startswith("corrupted ")]
    assert len(corrupted) == round(share * len(twin))
    assert all((line["ability"] == "fact") == (line in corrupted) for line in twin)


def test_a_corrupted_answer_is_any_other_of_its_operation():
    dials = {"modulus": 101, "operations": ["+"], "label_noise": 0.99, "num_lines": 9_000, "num_questions": 9}
    clean, noisy = (load_task("arithmetic", "random", **dials | more)["train"] for more in ({"label_noise": 0}, {}))
    moved = Counter(
        (int(new) - int(old)) % 101
        for old, new, kind in zip(clean["answer"], noisy["answer"], noisy["kind"], strict=True)
        if kind == "corrupted addition"
    )
    # 89 of each of a hundred are expected, with a standard deviation of 9.4.
    assert set(moved) == set(range(1, 101))
    assert all(abs(count - 89.1) < 47 for count in moved.values())
    assert load_task(*PAPER, label_noise=0.0)["train"].to_list() == load_task(*PAPER)["train"].to_list()


@pytest.mark.parametrize("dials", DIALS, ids=str)
def test_shuffled_answers_are_those_of_the_slow_twin(dials):
    rule, shuffled = load_task(*PAPER, **dials), load_task(*PAPER, **dials, shuffled_answers=True)
    lines, seed = rule["train"].to_list(), dials.get("split_seed", 1337)
    twin = list(lines)
    for sign, places in by_operation(lines).items():
        order = in_order(len(places), random.Random(f"shuffled-{sign}-{seed}"))
        for place, other in zip(places, order, strict=True):
            twin[place] = answered(lines[place], lines[places[other]]["answer"], "shuffled")
    assert shuffled["train"].to_list() == twin
    asked = {line["prompt"]: line for line in twin}
    seen = [question["prompt"] for question in rule["questions"] if question["seen"]]
    assert shuffled["questions"].to_list() == [asked[prompt] for prompt in seen], "nothing withheld is asked"


def test_the_bits_of_shuffled_answers_are_those_of_all_their_orders():
    dials = {"modulus": 3, "operations": ["+"], "withheld_pairs": [[0, 1], [2, 2]], "shuffled_answers": True}
    answers = load_task(*PAPER, **dials)["train"]["answer"][:]
    assert len(answers) == 6
    demand = demanded_bits(*PAPER, **dials)
    assert demand.bits == pytest.approx(math.log2(len(set(permutations(answers)))), rel=1e-12)
    assert (demand.num_items, demand.num_scored_tokens, demand.scored) == (6, 2 * 6, "answer and end")
    assert (demand.kinds, demand.alphabet) == (("shuffled addition",), "".join(sorted(set(answers))))
    assert demand.bits_per_item == demand.bits / 6


def test_each_operation_has_the_bits_of_its_own_orders():
    """The paper's 98 sums and 98 differences: 98! orders each, and each value so often as it comes."""
    demand = demanded_bits(*PAPER, shuffled_answers=True)
    lines = load_task(*PAPER)["train"].to_list()
    exact = 1
    for kind in ("addition", "subtraction"):
        counts = Counter(line["answer"] for line in lines if line["kind"] == kind)
        exact *= math.factorial(98) // math.prod(map(math.factorial, counts.values()))
    assert demand.bits == pytest.approx(math.log2(exact), rel=1e-13)
    assert demand.num_scored_tokens == sum(len(line["answer"]) + 1 for line in lines)
    assert demanded_bits(*PAPER) is None
    assert demanded_bits(*PAPER, label_noise=0.3) is None


def test_random_labels_of_so_many_lines_are_a_config():
    """Song & Ye (2026): N prompts `a + b =`, each with one of 113 labels."""
    dials = {"modulus": 113, "operations": ["+"], "num_lines": 9_300, "withheld_fraction": 0.1}
    train = load_task("arithmetic", "mod_division", **dials, shuffled_answers=True)["train"]
    assert {len(text) for text in train["text"]} == {8}
    assert (len(train), len(set(train["answer"]))) == (9_300, 113)
    demand = demanded_bits("arithmetic", "mod_division", **dials, shuffled_answers=True)
    # A little less than of labels drawn one by one, for how often each comes is given.
    assert 0.99 * 9_300 * math.log2(113) < demand.bits < 9_300 * math.log2(113)


@pytest.mark.parametrize(
    ("dials", "rates"),
    [
        ({"label_noise": 0.3}, {"fit", "extrapolation", "recall"}),
        ({"shuffled_answers": True}, {"recall"}),
    ],
)
def test_hypotheses_find_the_rates_of_changed_lines(dials, rates):
    task = Task.load(TaskConfig(path="arithmetic", parameters=dials), 3)
    kinds = {
        **dict.fromkeys(rates - {"recall"}, ("addition", "subtraction")),
        "recall": tuple(
            f"{'corrupted' if 'label_noise' in dials else 'shuffled'} {k}" for k in ("addition", "subtraction")
        ),
    }
    assert task.rates == rates | {f"{rate} of {kind}" for rate, names in kinds.items() for kind in names}


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        *[
            ({"label_noise": noise}, "`label_noise` must be a share of the lines from 0 to below 1, such as 0.1; got")
            for noise in (1, 1.0, -0.1, 2, "0.1", True, float("nan"))
        ],
        ({"label_noise": 0.001}, r"share of at least one of the 196 lines and leave one as it is; it is that of 0"),
        ({"label_noise": 0.999}, r"share of at least one of the 196 lines and leave one as it is; it is that of 196"),
        ({"label_noise": 0.1, "shuffled_answers": True}, "give one of the two"),
        ({"shuffled_answers": "yes"}, "`shuffled_answers` must be true or false; got 'yes'"),
        ({"shuffled_answers": True, "num_lines": 1}, "`shuffled_answers` changes nothing where all lines of an"),
        ({"label_noise": 0.5, "num_lines": 2}, "has no other answer for the lines with '.', which all have one: read"),
    ],
)  # fmt: skip
def test_impossible_changes_are_refused_in_a_line(dials, message):
    with pytest.raises(ValueError, match=message) as refusal:
        load_task(*PAPER, **dials)
    assert "\n" not in str(refusal.value)
