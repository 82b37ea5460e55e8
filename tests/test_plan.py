from pathlib import Path

import pytest

from hf_capacity.sweep.plan import Study, check_tasks, read_study


STUDIES = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
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


def test_a_study_without_a_grid_is_one_run():
    assert len(Study(name="s", settings=CELL).runs()) == 1


@pytest.mark.parametrize(
    ("content", "overrides", "message"),
    [
        ("settings: [", [], "is not valid YAML"),
        ("- a\n- b", [], "holds list: expected the keys description, settings, grid, seeds and resources"),
        ("", [], "holds NoneType: expected the keys description, settings, grid, seeds and resources"),
        ("seetings: {}", [], "holds seetings: expected the keys"),
        ("grid: {model: []}", [], r"`grid.model` \(=\[\]\) must be a list with at least one entry"),
        ("grid: {model: n14}", [], r"`grid.model` \(='n14'\) must be a list"),
        ("grid: {modell: [n14]}", [], "`grid.modell` is no key of a run, so its entries must be mappings"),
        ("grid: [1]", [], r"`grid` \(=\[1\]\) must be a mapping"),
        ("settings: 3", [], r"`settings` \(=3\) must be a mapping"),
        ("settings: {}", ["steps"], "'steps' is not of the form key=value"),
        ("settings: {}", ["steps=["], "'steps=\\[' is not valid YAML"),
        ("settings: {task: arithmetic}", ["steps.x=1"], r"`steps` \(=\{'x': 1\}\): input should be a valid integer"),
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path, content, overrides, message):
    path = tmp_path / "s.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_study(str(path), overrides).runs()


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"study 'qick' not found: give a YAML file, or one of .*quick"):
        read_study("qick")
    with pytest.raises(ValueError, match="not found"):
        read_study(str(tmp_path / "none.yaml"))
    binary = tmp_path / "model.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="not a text file"):
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
        ({"task": "no_such_folder/task"}, "Could not load the task 'no_such_folder/task'"),
    ],
)
def test_a_run_that_does_not_fit_its_task_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_tasks(Study(name="s", settings=CELL | change).runs())
