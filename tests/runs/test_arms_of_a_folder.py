"""A study's folder says which names its arms have; one that does not, or not soundly, has none."""

import re

import pytest
import yaml
from support.made_records import BOTH, add_run
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.arms import Arms
from hf_capacity.demo.study import Study
from hf_capacity.runs.claim import claim_folder, read_arms, read_description
from hf_capacity.runs.table import load_results


ARMS = Arms.of({"way": {"plain": {}, "rule first": {"curriculum": "rule_first"}}}, {"task": "both"})


def test_a_folder_says_what_each_arm_sets(tmp_path):
    claim_folder(tmp_path / "s", "s", "Is it so?", ARMS)
    assert read_arms(tmp_path / "s") == ARMS
    assert yaml.safe_load((tmp_path / "s" / "study.yaml").read_text(encoding="utf-8")) == {
        "study": "s", "protocol": 2, "description": "Is it so?",
        "arms": {"way": {"plain": {}, "rule first": {"curriculum": "rule_first"}}}, "settings": {},
    }  # fmt: skip
    assert read_arms(tmp_path / "none") == Arms()


def test_names_can_be_given_later_and_taken_back(tmp_path):
    claim_folder(tmp_path / "s", "s", "Is it so?")
    claim_folder(tmp_path / "s", "s", "Is it so, now?", ARMS)
    assert read_arms(tmp_path / "s") == ARMS
    assert read_description(tmp_path / "s") == "Is it so?"
    claim_folder(tmp_path / "s", "s")  # who knows of no arms
    assert read_arms(tmp_path / "s") == ARMS
    claim_folder(tmp_path / "s", "s", "Is it so?", Arms())
    assert read_arms(tmp_path / "s") == Arms()


@pytest.mark.parametrize(
    "content",
    [
        "arms: 3", "arms: [a]", "arms: {way: [{}, {steps: 5}]}", "arms: {way: {a: 3}}", "arms: {way: {<b>: {}}}",
        "arms: {way: {a: {}}}\nsettings: 3", "arms: {way: {a: {}}}\nsettings: [1]", "arms: {", "- a",
    ],
)  # fmt: skip
def test_a_folder_that_does_not_say_so_soundly_names_none(tmp_path, content):
    (tmp_path / "study.yaml").write_text(content, encoding="utf-8")
    assert read_arms(tmp_path).axes == {}


def test_arms_that_no_run_could_be_of_name_none(study):
    content = "arms: {way: {a: {steps.x: 5}, b: {task: {parameters: 3}}}}\nsettings: {steps: {x: 5}}"
    (study / "study.yaml").write_text(content, encoding="utf-8")
    assert read_arms(study).axes
    assert "arms.way" not in load_results(study)


@pytest.fixture
def study(tmp_path):
    claim_folder(tmp_path / "s", "s", "Is it so?", ARMS)
    for curriculum in (None, "rule_first"):
        for seed in (1, 2):
            folder = add_run(tmp_path / "s", "both", "n14", BOTH, curriculum=curriculum, model_seed=seed)
            (folder / "model.safetensors").touch()
    return tmp_path / "s"


def test_results_show_the_arm_in_place_of_what_it_sets(study):
    table = load_results(study)
    assert list(table["arms.way"]) == [
        "rule first" if way == "rule_first" else "plain" for way in table["config.curriculum"]
    ]
    lines = CliRunner().invoke(app, ["results", str(study)]).output.splitlines()
    assert re.split(r"\s{2,}", lines[0])[:6] == ["run", "trained on", "model", "arm", "model_seed", "parameters"]
    assert sum(" rule first " in line for line in lines) == 2
    (study / "study.yaml").unlink()
    lines = CliRunner().invoke(app, ["results", str(study)]).output.splitlines()
    assert re.split(r"\s{2,}", lines[0])[3:5] == ["model_seed", "curriculum"]


def test_the_page_of_a_study_lists_its_arms(study):
    assert list(Study(study).ladders) == ["both, plain", "both, rule first"]


def test_a_dry_run_shows_the_arm_of_every_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = CliRunner().invoke(app, ["run", "rescue", "--dry-run", "seeds=1", "model=n14"]).output
    assert output.count("12000 steps  rule first  to do") == 1
    assert output.count("to do\n") == 9
    assert not list(tmp_path.iterdir())
