"""What programs read: JSON in place of tables, a row a question, the lists of what ships with the project."""

import json
import subprocess

import pandas as pd
import pytest
from support.readmes import ROOT
from support.survivors import HF_CAPACITY

from dataset_builders import TASKS
from hf_capacity.config.study import read_study
from hf_capacity.evaluation import evaluate_model
from hf_capacity.runs.table import load_results


def parsed(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_packaged_studies_and_tasks_are_listed(call):
    listed = {row["study"]: row for row in parsed(call("studies", "--json"))}
    assert set(listed) == {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert (listed["quick"]["question"], listed["quick"]["runs"]) == (read_study("quick").question, 9)
    assert listed["size"]["minutes"] > 10 * listed["quick"]["minutes"] > 0
    assert "Do larger models" in call("studies").output
    rows = parsed(call("tasks", "--json"))
    named = [(name, config.name) for name, task in TASKS.items() for config in task.BUILDER_CONFIGS]
    assert [(row["task"], row["config"]) for row in rows] == named
    assert "rotating_pair" in call("tasks").output


def test_a_dry_run_is_the_plan(call):
    plan = parsed(call("run", "weight_decay", "--dry-run", "--json"))
    runs = read_study("weight_decay").runs()
    assert [run["run_id"] for run in plan["runs"]] == [run.run_id for run in runs]
    assert {(run["state"], run["steps"]) for run in plan["runs"]} == {("to do", 12_000)}
    assert {run["arms"]["intervention"] for run in plan["runs"]} == {"plain", "decay 0.1", "decay 1", "dropout 0.1"}
    assert [hypothesis["primary"] for hypothesis in plan["hypotheses"]] == [True, False, False]
    part = parsed(call("run", "weight_decay", "model=n14", "--dry-run", "--json"))
    assert len(part["runs"]) == 32
    large = part["hypotheses"][0]
    assert large["power"] is None
    assert "selects 0 cells" in large["untested"]


def test_json_is_for_what_can_be_told_at_once(call, tmp_path):
    refused = call("run", "quick", "--json")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: `--json` goes with `--dry-run`")
    assert not [*tmp_path.iterdir()]


def test_results_are_the_table(call, tmp_path):
    found = parsed(call("results", ROOT / "model_cards" / "quick", "--json", "--output", tmp_path / "too.csv"))
    assert len(pd.read_csv(tmp_path / "too.csv")) == len(found["runs"]) == 9
    table = load_results(ROOT / "model_cards" / "quick")
    assert [run["last.loss"] for run in found["runs"]] == pytest.approx(list(table["last.loss"]))
    assert found["unfinished"] == {}


def test_a_model_is_scored_and_asked_question_by_question(call, half_trained, tmp_path):
    model = half_trained["arithmetic"]
    marks = parsed(call("evaluate", model, "--json"))
    assert marks["counts"] == evaluate_model(model)["counts"]
    asked = parsed(call("ask", model, "<5+7=", "--json"))
    assert call("ask", model, "<5+7=").output == asked["prompt"] + asked["written"] + "\n"
    exported = call("evaluate", model, "--output", tmp_path / "questions.parquet")
    assert exported.output.endswith("questions.parquet, 200 questions.\n")
    rows = pd.read_parquet(tmp_path / "questions.parquet")
    assert len(rows) == sum(marks["counts"][rate][1] for rate in ("fit", "extrapolation"))
    for rate, seen in (("fit", True), ("extrapolation", False)):
        assert rows["right"][rows["seen"] == seen].sum() == marks["counts"][rate][0]
    written = [text.startswith(answer) for text, answer in zip(rows["written"], rows["answer"], strict=True)]
    assert rows["right"].sum() <= sum(written), "what is right was written"
    assert rows.set_index("prompt").loc["<5+7=", "written"] == asked["written"].rstrip()


@pytest.mark.parametrize(
    ("output", "message"),
    [("x.xlsx", "must end in .csv or .parquet"), ("nowhere/x.csv", "there is no folder nowhere")],
)
def test_what_cannot_be_written_is_refused_before_a_model_is_loaded(call, output, message):
    refused = call("evaluate", "no-model", "--output", output)
    assert refused.exit_code == 2
    assert message in refused.stderr


@pytest.mark.processes
def test_a_reader_may_leave_before_the_end_of_the_output():
    """As `hf-capacity report runs/quick | head` does."""
    command = [*HF_CAPACITY, "tasks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1


def test_the_version(call):
    assert call("--version").output.strip() == "0.1.0"
