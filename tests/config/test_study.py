import json
from pathlib import Path

import pytest

from hf_capacity.config.study import Study, read_study
from hf_capacity.sweep.estimate import estimate_minutes
from hf_capacity.sweep.task_checks import check_tasks


STUDIES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_packaged_study_is_sound(path):
    study = read_study(path.stem)
    assert study.description
    runs = study.runs()
    check_tasks(runs)
    assert runs


@pytest.mark.parametrize("name", ["too_big_to_think", "quick"])
def test_the_nine_cells(name):
    runs = read_study(name).runs()
    cells = {(run.task.path, run.model.label) for run in runs}
    assert cells == {(task, model) for task in ("arithmetic", "capitals", "both") for model in ("n14", "n28", "n56")}
    assert len(runs) == 9


def test_the_full_study_is_the_papers_protocol():
    for run in read_study("too_big_to_think").runs():
        expected = (9, 882) if run.task.path == "arithmetic" else (24, 576)
        assert (run.block_size, run.batch_size, run.steps, run.eval_steps) == (*expected, 30_000, 250)
        assert (run.training_step, run.bf16) == ("fastest", False)
        assert (run.model_seed, run.data_seed, run.split_seed) == (1337, 1337, 1337)
    for run in read_study("too_big_to_think_mlt").runs():
        assert (run.model.n_layer, run.model.n_embd, run.model.dropout) == (6, 384, 0.2)
        assert (run.learning_rate, run.min_learning_rate, run.weight_decay) == (1e-5, 1e-6, 0.1)


def test_longest_runs_come_first():
    runs = read_study("too_big_to_think").runs()
    assert (runs[0].model.label, runs[-1].model.label, runs[-1].task.path) == ("n56", "n14", "arithmetic")


def test_an_override_selects_where_the_grid_has_the_value_and_sets_it_elsewhere():
    [run] = read_study("too_big_to_think", ["task=arithmetic", "model=n14", "steps=100"]).runs()
    assert (run.task.path, run.model.label, run.block_size, run.steps) == ("arithmetic", "n14", 9, 100)
    assert run.keep_checkpoints == ()  # those of the study come later
    [run] = read_study("too_big_to_think", ["task=arithmetic", "model=n14", "steps=1500"]).runs()
    assert run.keep_checkpoints == (500, 1000)
    with pytest.raises(ValueError, match="must not exceed `steps`"):
        read_study("too_big_to_think", ["steps=100", "keep_checkpoints=[200]"]).runs()
    runs = read_study("too_big_to_think", ["model=mlt", "model.dropout=0.0"]).runs()
    assert {(run.model.label, run.model.dropout) for run in runs} == {("mlt", 0.0)}
    assert len(runs) == 3
    [run] = read_study(
        "quick", ["task=arithmetic", "model=n14", "task.parameters.withheld_pairs=[[1, 2], [3, 3]]"]
    ).runs()
    assert run.task.parameters == {"withheld_pairs": [[1, 2], [3, 3]]}


def test_a_grid_is_every_combination():
    study = Study(name="s", settings=CELL, grid={"model_seed": [1, 2, 3], "weight_decay": [0, "1e-1"]})
    assert {(run.model_seed, run.weight_decay) for run in study.runs()} == {
        (seed, decay) for seed in (1, 2, 3) for decay in (0.0, 0.1)
    }


def seeds_of(runs):
    return sorted((run.model_seed, run.data_seed, run.split_seed) for run in runs)


def study_of(tmp_path, **blocks):
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps({"settings": CELL} | blocks), encoding="utf-8")
    return str(path)


def test_seeds_joined_by_a_plus_move_together_and_others_are_crossed(tmp_path):
    together = study_of(tmp_path, seeds={"model_seed+data_seed+split_seed": 3})
    assert seeds_of(read_study(together).runs()) == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    crossed = study_of(tmp_path, seeds={"model_seed+data_seed": 2, "split_seed": 3})
    assert seeds_of(read_study(crossed).runs()) == [(s, s, split) for s in (1, 2) for split in (1, 2, 3)]
    one = study_of(tmp_path, seeds={"data_seed": 2})
    assert seeds_of(read_study(one).runs()) == [(1337, 1, 1337), (1337, 2, 1337)]


def test_overrides_change_how_many_seeds_there_are_and_select_among_them(tmp_path):
    source = study_of(tmp_path, seeds={"model_seed+data_seed": 2, "split_seed": 3})
    assert seeds_of(read_study(source, ["split_seed=2"]).runs()) == [(1, 1, 2), (2, 2, 2)]
    assert len(read_study(source, ["seeds=4"]).runs()) == read_study(source, ["seeds=4"]).num_runs == 16
    assert seeds_of(read_study(source, ["seeds=4", "model_seed=4", "split_seed=4"]).runs()) == [(4, 4, 4)]


def test_more_seeds_are_the_earlier_ones_and_more(tmp_path):
    source = study_of(tmp_path, seeds={"model_seed+data_seed+split_seed": 3})
    few, many = ({run.run_id for run in read_study(source, [f"seeds={n}"]).runs()} for n in (3, 5))
    assert few < many


def test_an_entry_of_the_grid_can_change_what_lies_deeper():
    study = Study(
        name="s", settings=CELL, grid={"model": ["n14", "n28"], "way": [{"model.dropout": 0.1}, {"weight_decay": 1}]}
    )
    assert {(run.model.label, run.model.dropout, run.weight_decay) for run in study.runs()} == {
        ("n14", 0.1, 0.0), ("n28", 0.1, 0.0), ("n14", 0.0, 1.0), ("n28", 0.0, 1.0),
    }  # fmt: skip


def test_a_study_knows_what_runs_it_and_not_where_somebody_lives(tmp_path, monkeypatch):
    source = study_of(tmp_path)
    assert read_study(source).source == f"PATH/{tmp_path.joinpath(source).name}"
    monkeypatch.chdir(tmp_path)
    relative = str(tmp_path.joinpath(source).relative_to(tmp_path))
    assert read_study(relative).source == relative
    assert read_study("quick").source == ""


def test_resources_are_a_run_and_have_defaults(tmp_path):
    assert read_study(study_of(tmp_path)).resources == {"num_cpus": 1, "num_gpus": 0}
    source = study_of(tmp_path, resources={"num_gpus": 0.25})
    assert read_study(source).resources == {"num_cpus": 1, "num_gpus": 0.25}


def test_ninety_runs_over_seeds():
    runs = read_study("seeds").runs()
    assert len({run.run_id for run in runs}) == 90
    assert {run.task.name for run in runs} == {"paper"}
    full = read_study("too_big_to_think").runs()
    cells = {(run.task.path, run.model.label): run for run in full}
    for run in runs:  # the study's protocol but for the seeds
        same = cells[run.task.path, run.model.label]
        seeds = {"model_seed": 1337, "data_seed": 1337, "split_seed": 1337}
        assert run.to_dict() | seeds | {"keep_checkpoints": list(same.keep_checkpoints)} == same.to_dict()


def test_the_control_reads_as_much_of_a_task_as_the_joint_run():
    runs = read_study("joint_controls").runs()
    batches = {run.task.path: run.batch_size for run in runs}
    assert batches["arithmetic"] + batches["capitals"] == batches["both"]
    assert batches["arithmetic"] == round(batches["both"] * 1764 / 3311)
    assert {(run.block_size, run.steps, run.learning_rate) for run in runs} == {(24, 20_000, 1e-2)}


def record_of(run, seconds, resumed_from=()):
    return {"config": run.to_dict(), "provenance": {"seconds": seconds, "resumed_from": list(resumed_from)}}


def test_the_time_of_a_plan_is_guessed_from_its_finished_runs():
    n14, n28 = (
        Study(name="s", settings=CELL | {"steps": 600}, grid={"model": [model], "model_seed": [1, 2, 3, 4]}).runs()
        for model in ("n14", "n28")
    )
    # 600 steps in 6, 12 and 9 seconds: 9 in the middle; the resumed one tells nothing.
    records = [record_of(n14[0], 6), record_of(n14[1], 12), record_of(n14[2], 9), record_of(n14[3], 1, [500])]
    assert estimate_minutes(n14, records, num_workers=2) == pytest.approx(4 * 9 / 2 / 60)
    assert estimate_minutes(n14[:1], records, num_workers=2) == pytest.approx(9 / 60)  # one run is not split
    # A shape without a finished run: as much slower than the benchmark's line as n14 is.
    ratio = 9 / 60 / estimate_minutes(n14[:1], [], 1)
    assert estimate_minutes(n28, records, 1) == pytest.approx(ratio * estimate_minutes(n28, [], 1))
    assert estimate_minutes([], records, 2) == 0


def test_without_finished_runs_the_time_is_guessed_from_the_benchmark():
    """The nine cells took 15 minutes on two cores, evaluations and all (model_cards/too_big_to_think)."""
    assert 8 < estimate_minutes(read_study("too_big_to_think").runs(), [], num_workers=2) < 22


def test_a_study_without_a_grid_is_one_run():
    assert len(Study(name="s", settings=CELL).runs()) == 1


@pytest.mark.parametrize(
    ("content", "overrides", "message"),
    [
        ("settings: [", [], "is not valid YAML"),
        (
            "- a\n- b",
            [],
            "holds list: expected the keys description, question, pairs, settings, grid, seeds, resources",
        ),
        ("", [], "holds NoneType: expected the keys description, question, pairs, settings, grid, seeds, resources"),
        ("seetings: {}", [], "holds seetings: expected the keys"),
        ("grid: {model: []}", [], r"`grid.model` \(=\[\]\) must be a list with at least one entry"),
        ("grid: {model: n14}", [], r"`grid.model` \(='n14'\) must be a list"),
        ("grid: {modell: [n14]}", [], "`grid.modell` is no key of a run, so its entries must be mappings"),
        ("grid: [1]", [], r"`grid` \(=\[1\]\) must be a mapping"),
        ("settings: 3", [], r"`settings` \(=3\) must be a mapping"),
        ("settings: {}", ["steps"], "'steps' is not of the form key=value"),
        ("settings: {}", ["steps=100", "steps=200"], "`steps` is given 2 times. Give it once"),
        ("settings: {}", ["steps=["], "the value of `steps` is not valid YAML"),
        ("seeds: 3", [], r"`seeds` \(=3\) must be a mapping"),
        ("seeds: {seed: 3}", [], "must name each of model_seed, data_seed, split_seed at most once"),
        ("seeds: {model_seed+data_seed: 3, data_seed: 2}", [], "must name each of .* at most once, those that move"),
        ("seeds: {model_seed: 0}", [], r"`seeds.model_seed` \(=0\) must be a whole number from 1 to 100,000"),
        ("seeds: {model_seed: 1000000000}", [], "must be a whole number from 1 to 100,000"),
        ("seeds: {model_seed: 2}", ["seeds=no"], r"`seeds.model_seed` \(='no'\) must be a whole number"),
        ("{seeds: {model_seed: 2}, settings: {model_seed: 1}}", [], "`seeds` has model_seed, which settings or grid"),
        ("settings: {}", ["seeds=3"], "study 's' has no `seeds` to change"),
        ("resources: {gpus: 1}", [], "unknown key `resources.gpus`; known: num_cpus, num_gpus"),
        ("resources: {num_gpus: -1}", [], r"`resources.num_gpus` \(=-1\) must be a number, such as 1 or 0.25"),
        ("settings: {task: arithmetic}", ["steps.x=1"], r"`steps` \(=\{'x': 1\}\): input should be a valid integer"),
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path, content, overrides, message):
    path = tmp_path / "s.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_study(str(path), overrides).runs()


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"study 'qick' not found: give a YAML file, a task's folder, or one of .*quick"
    ):
        read_study("qick")
    with pytest.raises(ValueError, match="not found"):
        read_study(str(tmp_path / "none.yaml"))
    binary = tmp_path / "model.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        read_study(str(binary))


def test_the_same_run_twice_is_refused():
    with pytest.raises(ValueError, match="study 's' asks for the same run more than once: arithmetic-n14-s1337-"):
        Study(name="s", settings=CELL, grid={"model_seed": [1337, 1337]}).runs()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block_size": 5_000}, r"`block_size` \(=5000\) must be below the length of the training text of arithmetic"),
        ({"task": {"path": "arithmetic", "parameters": {"withheld_pairs": []}}}, "must name 1 to 54 of the 55 pairs"),
        ({"task": {"path": "arithmetic", "name": "papper"}}, "has no config 'papper'"),
        ({"curriculum": "facts_first"}, "reads rule and facts apart, and arithmetic has only the rule"),
        ({"task": "no_such_folder/task"}, "Could not load the task 'no_such_folder/task'"),
    ],
)
def test_a_run_that_does_not_fit_its_task_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_tasks(Study(name="s", settings=CELL | change).runs())
