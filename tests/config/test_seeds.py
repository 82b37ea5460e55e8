"""Seeds and pairs of a study: pairs of its own, every pair once, and no run id of a study without them moves."""

import hashlib
import json
import re
from collections import Counter
from itertools import combinations, islice, pairwise

import pytest

from dataset_builders import TASKS, rotation
from hf_capacity.config.packaged import packaged_path
from hf_capacity.config.seeds import own_split_seeds
from hf_capacity.config.study import read_study
from hf_capacity.runs.kept import load_records


PAIRS = {frozenset(pair) for pair in combinations(range(10), 2)}
ROTATING = {"path": "arithmetic", "name": "rotating_pair"}
CELL = {"task": ROTATING, "model": "n14", "block_size": 9, "batch_size": 8}


def study_of(folder, name="s", settings=CELL, **blocks):
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({"settings": settings} | blocks), encoding="utf-8")
    return str(path)


def split_seeds(source, *overrides):
    return [run.split_seed for run in sorted(read_study(source, overrides).runs(), key=lambda run: run.model_seed)]


def pair_of(split_seed, task=ROTATING):
    """The pair of digits that a run's own config withholds."""
    builder = TASKS[task["path"]]
    questions = builder.build(builder.configured(task["path"], task["name"], {"split_seed": split_seed}))["questions"]
    [pair] = {
        frozenset(map(int, re.findall("[0-9]", question["prompt"])))
        for question in questions.select(["prompt", "seen"]).to_pylist()
        if not question["seen"]
    }
    return pair


def test_studies_without_the_key_keep_their_runs():
    """The 216 runs of a published study are those of its YAML, id by id; and so are the split seeds."""
    runs = read_study("rescue").runs()
    records = load_records(packaged_path("model_cards", "rescue"))
    assert {run.run_id for run in runs} == {record["run_id"] for record in records}
    ids = "\n".join(sorted(run.run_id for run in read_study("rotating_pairs").runs()))
    assert hashlib.sha256(ids.encode()).hexdigest()[:16] == "3de6b301110bd9a1"


def test_a_study_has_pairs_of_its_own_each_once_up_to_45(tmp_path):
    together = {"seeds": {"model_seed+data_seed+split_seed": 45}, "pairs": "own"}
    drawn = {name: split_seeds(study_of(tmp_path, name, **together)) for name in ("one", "two")}
    pairs = {name: [pair_of(seed) for seed in seeds] for name, seeds in drawn.items()}
    assert set(pairs["one"]) == set(pairs["two"]) == PAIRS
    assert pairs["one"][:6] != pairs["two"][:6]
    # Runs that were made depend on it, so that it may not change unnoticed.
    assert drawn["one"][:6] == [3504038, 3504017, 3504003, 3504023, 3504020, 3504005]
    assert all(seed < 10**7 for seeds in drawn.values() for seed in seeds)
    # Not the one order from elsewhere on: what follows each other in one study does not in the other.
    one, two = ({*pairwise(pairs[name])} for name in ("one", "two"))
    assert len(one & two) < 5


def test_pairs_of_ones_own_go_on_and_are_crossed_like_others(tmp_path):
    few, more = (
        read_study(study_of(tmp_path, seeds={"model_seed+data_seed": 2, "split_seed": number}, pairs="own")).runs()
        for number in (3, 12)
    )
    assert {run.run_id for run in few} < {run.run_id for run in more}
    assert len(more) == 24
    seeds = {(run.model_seed, run.data_seed) for run in more}, {run.split_seed for run in more}
    assert seeds == ({(1, 1), (2, 2)}, set(islice(own_split_seeds("s", 45), 12)))


def test_a_part_of_a_study_has_the_seeds_of_the_whole(tmp_path):
    grid = {"task": {"pairs": ROTATING, "capitals": "capitals", "two digits": two_digits()}}
    source = study_of(tmp_path, settings=CELL, grid=grid, seeds={"split_seed": 5}, pairs="own")
    whole = {run.run_id for run in read_study(source).runs()}
    parts = [{run.run_id for run in read_study(source, [f"task={arm}"]).runs()} for arm in grid["task"]]
    assert [len(part) for part in parts] == [5, 5, 5]
    assert set.union(*parts) == whole


def two_digits():
    return ROTATING | {"parameters": {"digits": 2, "num_lines": 2000}}


@pytest.mark.parametrize("pairs", [{}, {"pairs": "own"}])
@pytest.mark.parametrize("seeds", [{"split_seed": "all"}, {"model_seed+data_seed+split_seed": "all"}])
def test_all_takes_each_of_the_45_pairs_once(tmp_path, pairs, seeds):
    drawn = split_seeds(study_of(tmp_path, seeds=seeds, **pairs))
    assert len(drawn) == 45
    assert {seed % 45 for seed in drawn} == set(range(45))
    # The same runs as 45 of them, so that a study of twelve can be completed.
    assert sorted(drawn) == sorted(split_seeds(study_of(tmp_path, seeds=dict.fromkeys(seeds, 45), **pairs)))


def test_all_is_as_many_as_the_task_has(tmp_path):
    source = study_of(tmp_path, seeds={"split_seed": "all"}, pairs="own")
    override = "task={path: arithmetic, name: rotating_pair, parameters: {modulus: 12}}"
    assert Counter(seed % 66 for seed in split_seeds(source, override)) == Counter(range(66))
    assert len(split_seeds(study_of(tmp_path, seeds={"split_seed": 2}), "seeds=all")) == 45
    both = study_of(
        tmp_path, settings=CELL | {"task": {"path": "both", "name": "rotating_pair"}}, seeds={"split_seed": "all"}
    )
    assert len(split_seeds(both)) == 45


def test_a_rotation_is_counted_without_drawing():
    assert rotation(**ROTATING) == rotation("both", "rotating_pair") == 45
    assert rotation("arithmetic", "rotating_pair", digits=2) == 4950
    assert rotation("arithmetic", "rotating_pair", drawn_pairs=5) == 9
    assert rotation("arithmetic", "rotating_pair", drawn_pairs=2) == 45
    part = {"path": "arithmetic", "name": "rotating_pair"}
    assert rotation("mixture", tasks=[part, {"path": "capitals"}]) == 45
    assert rotation("mixture", tasks=[part | {"parameters": {"split_seed": 3}}, {"path": "capitals"}]) is None
    assert rotation("arithmetic") is rotation("arithmetic", "operand") is rotation("capitals") is None
    assert rotation("no/such/task") is None


def test_used_pairs_come_last():
    drawn = list(islice(own_split_seeds("s", 45, used=[1, 2, 1337]), 90))
    assert {seed % 45 for seed in drawn[42:45]} == {1, 2, 1337 % 45} == {seed % 45 for seed in drawn[87:]}
    assert Counter(seed % 45 for seed in drawn) == Counter(dict.fromkeys(range(45), 2))


@pytest.mark.parametrize(
    ("changes", "overrides", "message"),
    [
        ({"seeds": {"split_seed": "all"}}, ["task=capitals"], "'capitals' has none: give a number"),
        ({"seeds": {"split_seed": "all"}}, ["task=arithmetic"], "'arithmetic' has none: give a number"),
        ({"seeds": {"split_seed": "all"}}, ["task=3"], "3 has none: give a number"),
        ({"seeds": {"split_seed": "all"}}, ["task={path: arithmetic, name: rotating}"], "has no config 'rotating'"),
        (
            {"seeds": {"split_seed": "all"}, "grid": {"task": [ROTATING, two_digits()]}},
            [],
            "`seeds.split_seed: all` would be 45 and 4,950 for different tasks: give a number",
        ),
        ({"seeds": {"model_seed": "all"}}, [], r"`seeds.model_seed` \(='all'\) must be a whole number"),
        ({"seeds": {"split_seed": "every"}}, [], "must be a whole number from 1 to 100,000 or `all`"),
        (
            {"seeds": {"split_seed": 3}, "pairs": "mine"},
            [],
            r"`pairs` \(='mine'\) must be `own`, beside a `split_seed`",
        ),
        ({"seeds": {"model_seed": 3}, "pairs": "own"}, [], "must be `own`, beside a `split_seed` in `seeds`"),
        ({"pairs": "own"}, [], "must be `own`, beside a `split_seed` in `seeds`"),
        ({"seeds": {"split_seed": 3}, "pairs": "own"}, ["task=arithmetic"], "`pairs: own` is for tasks whose pairs"),
    ],
)
def test_seeds_that_the_task_has_not_are_refused(tmp_path, changes, overrides, message):
    with pytest.raises(ValueError, match=message):
        read_study(study_of(tmp_path, **changes), overrides).runs()
