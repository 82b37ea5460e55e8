"""Hypotheses in a study's YAML: what is read, what is refused, and which runs a selection takes."""

import copy
import json

import pytest
import yaml
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.arms import Arms
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.hypotheses import read_hypotheses
from hf_capacity.config.selections import takes
from hf_capacity.config.study import read_study


CELL = {"task": "arithmetic", "block_size": 9, "batch_size": 8}
WAYS = {"plain": {}, "weight decay": {"weight_decay": 1.0}, "lines": {"batches": "lines", "batch_size": 16}}
HYPOTHESIS = {
    "rate": "extrapolation of subtraction",
    "compare": [{"way": "lines", "model": "n28"}, {"way": "plain", "model": "n28"}],
    "expect": "higher",
    "smallest_difference": 0.2,
    "primary": True,
}
TREND = {"rate": "fit", "trend": {"way": "plain"}, "expect": "same", "smallest_difference": 0.1}
STUDY = {
    "question": "Do lines help?",
    "settings": CELL,
    "grid": {"way": WAYS, "model": ["n14", {"n_layer": 1, "n_embd": 20}, "n28"]},
    "seeds": {"model_seed+data_seed+split_seed": 5},
    "hypotheses": {"lines help": HYPOTHESIS, "fit stays": TREND},
}


def written(folder, **blocks):
    (folder / "s.yaml").write_text(json.dumps(STUDY | blocks), encoding="utf-8")
    return str(folder / "s.yaml")


def dry_run(folder, monkeypatch, *overrides, **blocks):
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, ["run", written(folder, **blocks), "--dry-run", *overrides])


def test_a_study_states_its_question_and_its_hypotheses(tmp_path):
    study = read_study(written(tmp_path))
    assert study.question == "Do lines help?"
    lines, fit = study.hypotheses
    assert (lines.name, lines.primary, fit.primary, fit.trend) == ("lines help", True, False, {"way": "plain"})
    assert lines.selections == tuple(HYPOTHESIS["compare"])
    assert {one.name: one.to_dict() for one in study.hypotheses} == STUDY["hypotheses"]
    again = yaml.safe_load(yaml.safe_dump(STUDY["hypotheses"], sort_keys=False))
    assert read_hypotheses(again, study.arms) == study.hypotheses
    assert read_study(written(tmp_path), ["way=lines", "steps=5"]).hypotheses == study.hypotheses  # whole


def test_hypotheses_are_in_no_run_id(tmp_path):
    ids = [run.run_id for run in read_study(written(tmp_path)).runs()]
    assert ids == [run.run_id for run in read_study(written(tmp_path, hypotheses=None, question=None)).runs()]


def test_a_selection_takes_arms_by_name_and_anything_else_by_what_it_sets():
    arms = Arms.of({"way": WAYS, "decay": {"none": {}, "some": {"model.dropout": 0.1}}}, CELL)

    def taken(selection, **changes):
        config = ExperimentConfig.from_dict(CELL | {"model": "n28"} | changes).to_dict()
        return takes(selection, config, {axis: arm.name for axis, arm in arms.find(config).items()})

    assert taken({"way": "plain"})
    assert not taken({"way": "lines"})
    assert taken({"way": "lines", "model": "n28"}, batches="lines", batch_size=16)
    assert not taken({"way": "plain"}, batches="lines", batch_size=16)
    assert taken({"batches": "lines"}, batches="lines")
    assert taken({"batches": "windows", "weight_decay": 0, "curriculum": None})
    assert not taken({"batches": "lines"})
    assert taken({"model": "n28", "decay": "some"}, model={"name": "n28", "dropout": 0.1})
    assert taken({"model": {"n_layer": 1, "n_embd": 20}}, model={"n_layer": 1, "n_embd": 20})
    assert not taken({"model": {"n_layer": 1, "n_embd": 20}})
    assert taken({"task": "arithmetic", "task.name": "paper"})
    assert not taken({"model": "no such rung"})
    # With the head of a rung as it stands, such embeddings would be refused.
    for embeddings in ({"rank": 1}, {"init": "line", "frozen": True}):
        own_head = {"model": {"name": "n28", "tie_word_embeddings": False}, "embeddings": embeddings}
        assert taken({"model": "n28"}, **own_head)
        assert not taken({"model": "n14"}, **own_head)
        assert not taken({"model.tie_word_embeddings": True}, **own_head)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rate", "extrapolations", "`rate` (='extrapolations') must be fit, extrapolation, recall, or that of"),
        ("rate", "fit of ", "`rate` (='fit of ') must be"),
        ("rate", 3, "`rate` (=3) must be"),
        ("rate", ..., "`rate` is missing"),
        ("expect", "more", "`expect` (='more') must be one of higher, lower, different, same."),
        ("expect", ["higher"], "`expect` (=['higher']) must be one of"),
        ("smallest_difference", ..., "`hypotheses.lines help`: `smallest_difference` is missing."),
        ("smallest_difference", 0, "`smallest_difference` (=0) must be a number above 0 and at most 1, such as 0.2"),
        ("smallest_difference", 1.5, "`smallest_difference` (=1.5) must be a number above 0 and at most 1"),
        ("smallest_difference", "much", "`smallest_difference` (='much') must be a number above 0"),
        ("smallest_difference", True, "`smallest_difference` (=True) must be a number above 0"),
        ("smallest_difference", float("nan"), "`smallest_difference` (='NaN') must be a number above 0"),
        ("sd", -1, "`sd` (=-1) must be a number above 0 and at most 1"),
        ("pilot", 3, "`pilot` (=3) must be a study's name or folder."),
        ("primary", "yes", "`primary` (='yes') must be true or false."),
        ("primary", ..., "`hypotheses` names no primary one: give that which the study is for `primary: true`."),
        ("primry", True, "`hypotheses.lines help` has the unknown key 'primry'; known: rate, expect"),
        ("compare", ..., "must have either `compare`, of two selections, or `trend`, of one."),
        ("trend", {"way": "plain"}, "must have either `compare`, of two selections, or `trend`, of one."),
        ("compare", {"way": "lines"}, "`compare` (={'way': 'lines'}) must be a list of two selections."),
        ("compare", [{"way": "lines"}], "must be a list of two selections."),
        ("compare", [{"way": "lines"}, 3], "`compare` (=3) must select by arm or setting, such as {model: n28}."),
        ("compare", [{"way": "lines"}] * 2, "compares {'way': 'lines'} with itself."),
        ("compare", [{"way": "line"}, {}], "`way` has no arm 'line'; it has plain, weight decay, lines."),
        ("compare", [{"wey": "lines"}, {}], "`wey` has no arm 'lines'; it is no axis with named arms"),
        ("compare", [{"model_seed": 3}, {}], "selects by `model_seed`: a hypothesis is about all seeds"),
    ],
)  # fmt: skip
def test_what_states_no_hypothesis_is_refused_in_a_line(tmp_path, monkeypatch, key, value, message):
    hypotheses = copy.deepcopy(STUDY["hypotheses"])
    hypotheses["lines help"].pop(key, None)
    if value is not ...:
        hypotheses["lines help"][key] = value
    result = dry_run(tmp_path, monkeypatch, hypotheses=hypotheses)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"hypotheses": [1]}, "`hypotheses` (=[1]) must be a mapping."),
        ({"hypotheses": {"a": 3}}, "`hypotheses.a` (=3) must be a mapping of rate, expect"),
        ({"hypotheses": {" a": HYPOTHESIS}}, "a hypothesis is called by 1 to 80 plain characters."),
        ({"hypotheses": {str(n): HYPOTHESIS for n in range(101)}}, "100 at most"),
        ({"question": None}, "`question` is missing: say in a sentence what"),
        ({"question": 3}, "`question` (=3) must be text."),
    ],
)
def test_a_block_that_holds_no_hypotheses_is_refused(tmp_path, monkeypatch, blocks, message):
    result = dry_run(tmp_path, monkeypatch, **blocks)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert message in result.stderr
