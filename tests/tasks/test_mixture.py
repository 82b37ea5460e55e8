"""Mixtures of any tasks: how often each part is read, and what is refused."""

from itertools import chain
from math import ceil

import pytest

from dataset_builders import load_task
from dataset_builders.tasks import PARTS as TASKS


RULES = {"path": "arithmetic", "name": "rotating_pair"}
FACTS = {"path": "facts", "parameters": {"num_keys": 7}}
STRINGS = {"path": "random_strings", "name": "tiny"}
PARTS = [RULES, FACTS, STRINGS]


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def load_part(part, split_seed):
    return load_task(part["path"], part.get("name"), **{"split_seed": split_seed, **part.get("parameters", {})})


def filled(lines, num_characters):
    """The slow twin: line after line, from the first again after the last, until there are so many characters."""
    read = []
    while sum(len(line["text"]) for line in read) < num_characters:
        read.append(lines[len(read) % len(lines)])
    return read


def test_without_ratio_or_tokens_each_part_is_read_once():
    mixture = load_task("mixture", tasks=PARTS, split_seed=3)
    parts = [load_part(part, 3) for part in PARTS]
    for split in ("train", "questions"):
        assert mixture[split].to_list() == [row for part in parts for row in part[split]]


@pytest.mark.parametrize("tokens", [[1764, 406, 320], [1764, 407, 1000], [5000, 800, 321]])
def test_tokens_are_filled_by_reading_again(tokens):
    mixture = load_task("mixture", tasks=PARTS, tokens=tokens, split_seed=3)
    parts = [load_part(part, 3) for part in PARTS]
    assert [sum(map(len, part["train"]["text"])) for part in parts] == [1764, 406, 320]
    expected = [filled(part["train"].to_list(), number) for part, number in zip(parts, tokens, strict=True)]
    assert mixture["train"].to_list() == list(chain(*expected))
    assert mixture["questions"].to_list() == [row for part in parts for row in part["questions"]]


@pytest.mark.parametrize("ratio", [[1, 1, 1], [2, 1, 0.5], [100, 1, 1], (0.1, 0.7, 0.2)])
def test_a_ratio_reads_the_longest_part_once_and_the_others_to_match(ratio):
    lines = load_task("mixture", tasks=PARTS, ratio=ratio, split_seed=3)["train"].to_list()
    parts = [load_part(part, 3)["train"].to_list() for part in PARTS]
    once = [sum(len(line["text"]) for line in part) for part in parts]
    longest = max(range(3), key=lambda part: once[part] / ratio[part])
    wanted = [ceil(once[longest] / ratio[longest] * share - 1e-9) for share in ratio]
    expected = [filled(part, number) for part, number in zip(parts, wanted, strict=True)]
    assert expected[longest] == parts[longest]
    assert lines == list(chain(*expected))


def test_balanced_has_as_many_characters_of_either_task():
    lines = load_task("both", "balanced")["train"].to_list()
    characters = {
        ability: sum(len(line["text"]) for line in lines if line["ability"] == ability) for ability in ("rule", "fact")
    }
    assert characters == {"rule": 1764, "fact": 1781}


def test_parts_may_have_a_seed_of_their_own():
    fixed = {"path": "facts", "parameters": {"split_seed": 5}}
    for seed in (1, 2):
        mixture = load_task("mixture", tasks=[RULES, fixed], split_seed=seed)["questions"].to_list()
        assert mixture == [*load_part(RULES, seed)["questions"], *load_task("facts", split_seed=5)["questions"]]


def test_what_is_withheld_is_handed_on_to_the_arithmetic():
    tasks = [FACTS, {"path": "arithmetic", "name": "operand"}]
    mixture = load_task("mixture", tasks=tasks, withheld_operand=3)["questions"]
    assert {q["prompt"] for q in mixture if not q["seen"]} == {
        q["prompt"] for q in load_task("arithmetic", "operand", withheld_operand=3)["questions"] if not q["seen"]
    }


LISTED = f"`tasks` must list mappings of `path`, one of {', '.join(TASKS)}, and if need be"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        *[
            ({"tasks": tasks}, LISTED)
            for tasks in (
                [],
                "facts",
                ["facts"],
                [{"name": "paper"}],
                [{"path": "mixture"}],
                [{"path": ["facts"]}],
                [{"path": "facts", "weight": 2}],
                [{"path": "facts", "parameters": [1]}],
            )
        ],
        (
            {"tasks": [{"path": "facts", "name": "town"}]},
            "The task 'facts' has no config 'town'; choose one of 'people'",
        ),
        (
            {"tasks": [{"path": "facts", "parameters": {"keys": 3}}]},
            "The task 'facts' has no parameter 'keys'; it takes",
        ),
        (
            {"tasks": [{"path": "facts", "parameters": {"split_seed": "x"}}]},
            "`split_seed` must be an integer, such as",
        ),
        (
            {"tasks": [{"path": "arithmetic"}, RULES]},
            "{'path': 'arithmetic'} and {.*'rotating_pair'} both have the prompt '<.[+-].=': mix tasks whose",
        ),
        # What one part reads, the other may not withhold, asked there or not.
        (
            {"tasks": [RULES, {"path": "arithmetic", "name": "length", "parameters": {"num_questions": 1}}]},
            "both have the prompt",
        ),
        (
            {"tasks": [FACTS], "withheld_pairs": [[5, 7]]},
            "`withheld_pairs` is for arithmetic, which is not among `tas",
        ),
        ({"tasks": [RULES, FACTS], "withheld_pairs": [[5, 7]]}, "names the pairs, and `drawn_pairs` .* draw them"),
        *[
            ({"ratio": ratio}, "`ratio` must have a number above 0 for each of the 2 `tasks`; got")
            for ratio in (
                1,
                [1],
                [1, 2, 3],
                [1, 0],
                [1, -1],
                [1, "2"],
                [1, True],
                [1, float("inf")],
                [1, float("nan")],
            )
        ],
        *[
            ({"tokens": tokens}, "`tokens` must have a whole number above 0 for each of the 2 `tasks`; got")
            for tokens in (5000, [5000], [5000.0, 5000], [5000, None])
        ],
        ({"tokens": [1764, 1546]}, r"\(=\[1764, 1546\]\) must be at least \[1764, 1547\], what the tasks have in one"),
        ({"ratio": [1, 1], "tokens": [5000, 5000]}, "`ratio` and `tokens` both say how much of each task is read"),
        (
            {"ratio": [1, 1e-9]},
            r"The mixture would have 1,547,000,001,547 characters, of which 100,000,000 are possible",
        ),
        ({"tokens": [10**9, 10**9]}, "The mixture would have 2,000,000,000 characters"),
    ],
)
def test_impossible_mixtures_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        load_task("mixture", **parameters)
