"""Named arms: selected by name or by settings, found again from a run's config, and in no run id."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.arms import Arms, name_in_repository
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import Study, read_study


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8}
WAYS = {"plain": {}, "weight decay": {"weight_decay": 1.0}, "lines": {"batches": "lines", "batch_size": 16}}


def study_of(tmp_path, grid, **blocks):
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps({"settings": CELL, "grid": grid} | blocks), encoding="utf-8")
    return str(path)


def ids(source, *overrides):
    return {run.run_id for run in read_study(source, overrides).runs()}


def found(arms, **changes):
    return {axis: arm.name for axis, arm in arms.find(ExperimentConfig.from_dict(CELL | changes).to_dict()).items()}


def test_names_are_in_no_run_id(tmp_path):
    named = ids(study_of(tmp_path, {"way": WAYS, "model": {"small": "n14", "large": "n28"}}))
    assert named == ids(study_of(tmp_path, {"way": list(WAYS.values()), "model": ["n14", "n28"]}))
    assert len(named) == 6


def test_an_override_selects_by_name_and_by_setting_alike(tmp_path):
    source = study_of(tmp_path, {"way": WAYS, "model": {"small": "n14", "large": "n28"}})
    assert ids(source, "way=weight decay") == ids(source, "weight_decay=1.0")
    assert ids(source, "way={batches: lines, batch_size: 16}") == ids(source, "way=lines")
    assert ids(source, "batch_size=16") == ids(source, "way=lines")
    assert ids(source, "model=small") == ids(source, "model=n14")
    [run] = read_study(source, ["model=large", "way=plain"]).runs()
    assert (run.model.label, run.weight_decay) == ("n28", 0.0)
    # What no arm sets is set in every run, as ever.
    assert {run.model.label for run in read_study(source, ["model=n56"]).runs()} == {"n56"}


@pytest.mark.parametrize(
    ("grid", "override", "message"),
    [
        ({"way": WAYS}, "way=line", "`way` has no arm 'line'; it has plain, weight decay, lines."),
        ({"way": WAYS}, "way=3", "`way` has no arm 3; it has plain, weight decay, lines."),
        ({"weight_decay": {"none": 0, "some": 1}}, "weight_decay=much", "has no arm 'much'; it has none, some."),
        ({"way": {}}, "", "must be a list with at least one entry, or a mapping of names to entries."),
        ({"way": {"a": 3}}, "", "`grid.way` is no key of a run, so its entries must be mappings"),
        ({"way": {"": {}}}, "", "`grid.way` calls an arm '': take letters, digits"),
        ({"way": {"x" * 41: {}}}, "", "at most 40 in all"),
        ({"way": {"a\nb": {}}}, "", r"`grid.way` calls an arm 'a\nb': take letters"),
        ({"way": {"a\u202eb": {}}}, "", r"`grid.way` calls an arm 'a\u202eb': take letters"),
        ({"way": {"<b>": {}}}, "", "`grid.way` calls an arm '<b>': take letters"),
        ({"way": {" a": {}}}, "", "`grid.way` calls an arm ' a': take letters"),
        ({"way": {"1e3": {}}}, "", "and no number by itself"),
        ({"way": {"null": {}}}, "", "`grid.way` calls an arm 'null'"),
        ({"way": {"a": {"steps": 5}, "b": {"steps": 5}}}, "", "sets the same in arms 'a' and 'b': leave one of them"),
        ({"way": {"a": {}, "b": {"steps": 30_000}}}, "", "asks for the same run more than once"),
        ({"way": {"rule first": {}, "rule-first": {"steps": 5}}}, "", "calls arms 'rule first' and 'rule-first',"),
        ({"way": {"Lines": {}, "lines": {"steps": 5}}}, "", "calls arms 'Lines' and 'lines', which the name"),
        ({"way": {"a": {"data_seed": 1}, "b": {"data_seed": 2}}}, "", "sets a seed in arm 'a', but runs of one arm"),
    ],
)
def test_what_is_no_name_is_refused_in_a_line(tmp_path, monkeypatch, grid, override, message):
    monkeypatch.chdir(tmp_path)
    words = ["run", study_of(tmp_path, grid), "--dry-run", *filter(None, [override])]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {way: {a: {}, a: {steps: 5}}}", "has the key 'a' twice"),
        ("grid: {way: {1: {}, 2: {steps: 5}}}", "has a key '1', where a name is expected"),
    ],
)
def test_yaml_that_names_an_arm_twice_or_by_a_number_is_refused(tmp_path, text, message):
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_study(str(tmp_path / "s.yaml"))


def test_other_letters_than_the_hubs_have_names_of_their_own(tmp_path):
    names = ["データ 2", "数据 2", "é", "rule first"]
    study = read_study(study_of(tmp_path, {"way": {name: {"steps": place} for place, name in enumerate(names, 5)}}))
    assert list(study.arms.axes["way"]) == names
    assert len({name_in_repository(name) for name in names}) == 4
    assert name_in_repository("rule first") == "rule-first"


def test_a_run_is_found_to_be_of_the_arm_that_it_was_planned_in():
    settings = {key: value for key, value in CELL.items() if key != "model"}
    axes = {
        "model": {"small": "n14", "large": {"n_layer": 2, "hidden_size": 32}},
        "way": WAYS | {"dropout": {"model.dropout": 0.1}},
        "task": {"sums": "arithmetic", "pairs": {"path": "arithmetic", "name": "rotating_pair"}},
    }
    arms = Arms.of(axes, settings)
    for model, entry in axes["model"].items():
        for way, changes in axes["way"].items():
            for task, path in axes["task"].items():
                grid = {"model": [entry], "way": [changes], "task": [path], "model_seed": [1, 2]}
                for run in Study(name="s", settings=settings, grid=grid).runs():
                    found = {axis: arm.name for axis, arm in arms.find(run.to_dict()).items()}
                    assert found == {"model": model, "way": way, "task": task}


def test_what_an_override_sets_in_every_run_hides_no_arm_but_of_what_tells_them_apart():
    arms = Arms.of({"way": WAYS}, CELL)
    assert found(arms, steps=5) == {"way": "plain"}
    assert found(arms, batch_size=4) == {"way": "plain"}
    assert found(arms, batch_size=4, batches="lines") == {"way": "lines"}
    assert found(arms, weight_decay=0.5) == {}  # neither plain nor weight decay
    assert found(Arms.of({"way": {"decay": {"weight_decay": 1}}}, CELL), weight_decay=0.5) == {}
    assert found(Arms()) == {}
    models = Arms.of({"model": {"small": "n14", "wide": {"n_layer": 1, "n_embd": 80}, "deep": "mlt"}}, {})
    assert found(models, model="n28") == found(models, model={"n_layer": 1, "n_embd": 20}) == {}
    assert found(models, model={"name": "n14", "dropout": 0.1}) == {"model": "small"}
    assert found(Arms.of({"task": {"sums": "arithmetic", "both": "both"}}, {}), task="capitals") == {}


def test_an_arm_is_found_where_it_is_no_run_without_what_another_sets():
    own_head = {"model.tie_word_embeddings": False}  # held on a line, or in one direction, tied digits are refused
    grid = {
        "size": {"small": {"model": "n14"}, "large": {"model": "n56"}},
        "digits": {
            "tied": {},
            "held": own_head | {"embeddings": {"init": "line", "frozen": True}},
            "one": own_head | {"embeddings": {"rank": 1}},
        },
    }
    study = Study(name="s", settings=CELL, grid=grid, arms=Arms.of(grid, CELL))
    names = [tuple(arm.name for arm in study.arms.find(run.to_dict()).values()) for run in study.runs()]
    assert sorted(names) == sorted((size, digits) for size in grid["size"] for digits in grid["digits"])


def test_sizes_under_their_standard_names_are_found_too():
    grid = {"width": {"narrow": {"model.hidden_size": 8}, "wide": {"model.hidden_size": 64}}}
    arms = Arms.of(grid, {"model": {"n_layer": 1}})
    assert found(arms, model={"n_layer": 1, "n_embd": 64}) == {"width": "wide"}
    assert arms.names_models("width")
    assert not Arms.of({"way": {"a": {"model.dropout": 0.1}}}, {}).names_models("way")


def test_packaged_arms_are_found_again_in_every_run():
    for name in ("rescue", "weight_decay", "crowding_out", "bits_per_parameter", "mod_grokking", "grokking"):
        study = read_study(name)
        [(axis, names), *others] = study.arms.axes.items()
        sizes = {}
        for run in study.runs():
            arms = study.arms.find(run.to_dict())
            assert set(arms) == {axis, *dict(others)}
            sizes[arms[axis].name] = sizes.get(arms[axis].name, 0) + 1
        assert list(sizes.values()) == [study.num_runs // len(names)] * len(names)
        assert set(sizes) == set(names)
        assert yaml.safe_load(yaml.safe_dump(study.arms.axes)) == study.arms.axes
