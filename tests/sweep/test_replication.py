"""The plan of a replication: the same cells, seeds that the study had not, and pairs that it had not withheld."""

from itertools import islice

import pytest
from support.made_records import add_run, arithmetic

from hf_capacity.config.experiment import SEEDS
from hf_capacity.config.packaged import packaged_path
from hf_capacity.config.seeds import count_pairs_again, has_own_pairs, own_split_seeds
from hf_capacity.runs.kept import load_records
from hf_capacity.sweep.replication import plan_replication


RESCUE = packaged_path("model_cards", "rescue")
LINES = {"intervention": "lines", "model.n_embd": 20}
ROTATING = {"path": "arithmetic", "name": "rotating_pair"}


def seeds_of(runs):
    return sorted(tuple(getattr(run, seed) for seed in SEEDS) for run in runs)


def settings_of(config):
    return {key: value for key, value in config.items() if key not in SEEDS}


@pytest.fixture
def crossed(tmp_path):
    """Two seeds by three pairs, and other pairs for another model."""
    folder = tmp_path / "crossed"
    for seed, split in [(s, p) for s in (1, 2) for p in (1, 2, 46)]:
        add_run(folder, ROTATING, "n14", arithmetic(1), model_seed=seed, data_seed=seed, split_seed=split)
    add_run(folder, ROTATING, "n28", arithmetic(1), model_seed=1, data_seed=1, split_seed=9)
    return folder


def test_a_published_arm_again_with_fresh_seeds_and_pairs():
    configs = [record["config"] for record in load_records(RESCUE)]
    runs = plan_replication(RESCUE, "rescue_replication", LINES).runs()
    [settings] = {str(settings_of(run.to_dict())) for run in runs}
    assert settings in {str(settings_of(config)) for config in configs}
    assert {(run.batches, run.model.n_embd) for run in runs} == {("lines", 20)}
    # A replication that is stopped goes on with these, so that they may not change unnoticed.
    assert seeds_of(runs) == [
        (7, 7, 1384016),
        (8, 8, 1384005),
        (9, 9, 1384019),
        (10, 10, 1384030),
        (11, 11, 1384002),
        (12, 12, 1384009),
    ]
    assert has_own_pairs(run.split_seed for run in runs)
    assert count_pairs_again([run.to_dict() for run in runs], configs) == (6, 0)


def test_a_part_has_the_seeds_of_the_whole():
    whole = plan_replication(RESCUE, "again", {}).runs()
    assert len(whole) == 216
    part = plan_replication(RESCUE, "again", {"intervention": "lines"}).runs()
    assert len(part) == 24
    assert {run.run_id for run in part} < {run.run_id for run in whole}
    assert not {run.run_id for run in whole} & {record["run_id"] for record in load_records(RESCUE)}
    other = plan_replication(RESCUE, "once more", {}).runs()
    assert not {run.split_seed for run in whole} & {run.split_seed for run in other}


def test_what_was_crossed_stays_crossed(crossed):
    runs = plan_replication(crossed, "again", {"model": "n14"}).runs()
    seeds = seeds_of(runs)
    splits = {split for _, _, split in seeds}
    assert len(seeds) == 6
    assert seeds == [(seed, seed, split) for seed in (3, 4) for split in sorted(splits)]
    # 46 withholds what 1 does, and 9 is the other model's: none of their pairs comes again.
    assert not {split % 45 for split in splits} & {1, 2, 9}


@pytest.mark.parametrize(
    ("seeds", "num_seeds", "num_splits", "num_runs"),
    [
        (6, 6, 6, 6),
        ({"model_seed+data_seed": 3, "split_seed": 12}, 3, 12, 36),
        ({"model_seed+data_seed": 2, "split_seed": "all"}, 2, 45, 90),
        ("all", 45, 45, 45),
        ({"split_seed": 4}, 1, 4, 4),
        ({"model_seed+data_seed": 4}, 4, 1, 4),
    ],
)
def test_another_design(crossed, seeds, num_seeds, num_splits, num_runs):
    runs = plan_replication(crossed, "again", {"model": "n14"}, seeds).runs()
    found = seeds_of(runs)
    assert len(found) == num_runs
    assert {seed for seed, _, _ in found} == set(range(3, 3 + num_seeds))
    splits = {split for _, _, split in found}
    assert len({split % 45 for split in splits}) == num_splits, "each pair once"
    assert num_splits > 42 or not {split % 45 for split in splits} & {1, 2, 9}


def test_more_seeds_are_the_earlier_ones_and_more(crossed):
    few, more = ({run.run_id for run in plan_replication(crossed, "again", {}, n).runs()} for n in (3, 9))
    assert few < more


def test_pairs_that_were_withheld_come_last(tmp_path):
    folder = tmp_path / "many"
    for seed in range(1, 41):
        add_run(folder, ROTATING, "n14", arithmetic(1), model_seed=seed, data_seed=seed, split_seed=seed)
    plan = plan_replication(folder, "again", {})
    drawn = [split % 45 for _, _, split in seeds_of(plan.runs())]
    assert set(drawn[:5]) == {41, 42, 43, 44, 0}
    assert len(set(drawn)) == 40
    earlier = [record["config"] for record in load_records(folder)]
    assert count_pairs_again([run.to_dict() for run in plan.runs()], earlier) == (40, 35)


def test_each_of_two_studies_has_pairs_of_its_own(tmp_path):
    folder = tmp_path / "mine"
    for seed, split in enumerate(islice(own_split_seeds("mine", 45), 20), 1):
        add_run(folder, ROTATING, "n14", arithmetic(1), model_seed=seed, data_seed=seed, split_seed=split)
    plan = plan_replication(folder, "mine_replication", {})
    earlier = [record["config"] for record in load_records(folder)]
    assert count_pairs_again([run.to_dict() for run in plan.runs()], earlier) == (20, 0)
    assert has_own_pairs(run.split_seed for run in plan.runs())


def test_named_pairs_are_the_plans_and_stay():
    runs = plan_replication(packaged_path("model_cards", "quick"), "again", {"task": "arithmetic"}).runs()
    assert [(model_seed, data_seed) for model_seed, data_seed, _ in seeds_of(runs)] == [(1, 1)] * 3
    assert len({run.split_seed for run in runs}) == 1
    assert count_pairs_again([run.to_dict() for run in runs], []) is None


@pytest.mark.parametrize(
    ("name", "asked", "seeds", "message"),
    [
        ("again", {"model": "n15"}, None, "has 'model=n15': `hf-capacity results"),
        ("again", {"no_axis": "n14"}, None, "has 'no_axis=n14'"),
        ("again", {}, 0, r"`seeds.model_seed\+data_seed\+split_seed` \(=0\) must be a whole number"),
        ("again", {}, {}, r"`seeds.model_seed\+data_seed\+split_seed` \(={}\) must be a whole number"),
        ("again", {}, {"seed": 3}, "must name each of model_seed, data_seed, split_seed at most once"),
        ("again", {}, {"model_seed": "all"}, r"`seeds.model_seed` \(='all'\) must be a whole number"),
        ("", {}, None, "`--output` names the replication, which cannot be called ''"),
    ],
)
def test_what_cannot_be_replicated_is_refused(crossed, name, asked, seeds, message):
    with pytest.raises(ValueError, match=message):
        plan_replication(crossed, name, asked, seeds).runs()


def test_all_pairs_of_a_task_without_any_are_refused():
    with pytest.raises(ValueError, match=r"'name': 'paper'.* has none: give a number"):
        plan_replication(packaged_path("model_cards", "quick"), "again", {"task": "arithmetic"}, "all")


def test_runs_of_an_earlier_protocol_are_refused(tmp_path):
    folder = add_run(tmp_path / "old", ROTATING, "n14", arithmetic(1))
    moved = folder.with_name(folder.name[:-8] + "00000000")
    folder.rename(moved)
    record = (moved / "record.json").read_text(encoding="utf-8").replace(folder.name, moved.name)
    (moved / "record.json").write_text(record, encoding="utf-8")
    with pytest.raises(ValueError, match="holds runs of an earlier protocol"):
        plan_replication(tmp_path / "old", "again", {})
