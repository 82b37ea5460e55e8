import os
import resource
import subprocess
import sys

import pytest
import yaml

from hf_capacity.config.model import LADDER
from hf_capacity.runs.records import read_record


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 20, "eval_steps": 10}


def write_study(tmp_path, settings, grid=None):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"settings": settings, "grid": grid or {}}), encoding="utf-8")


def test_help_is_quick_and_loads_no_torch():
    code = (
        "import sys, hf_capacity, hf_capacity.cli\n"
        "heavy = {'torch', 'transformers', 'datasets', 'evaluate', 'pandas', 'matplotlib'}\n"
        "print(heavy & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "set()"
    # Beside an app that has nothing of its own: machines differ by more than what is to be seen.
    nothing = "import typer\napp = typer.Typer()\napp.command('one')(print)\napp.command('two')(print)\napp()"
    assert cpu_seconds("-m", "hf_capacity.cli", "--help") < 2 * cpu_seconds("-c", nothing, "--help")


def cpu_seconds(*arguments):
    """What a Python process takes of the processor, the least of three: by the clock it depends on what else runs."""
    taken = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)
    return min(taken)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(call, tmp_path):
    result = call("run", "too_big_to_think", "--dry-run")
    assert result.exit_code == 0
    assert result.output.count("30000 steps  to do") == 9
    assert "too_big_to_think: 9 runs, 0 done, 9 to do, in runs/too_big_to_think" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stepps=3"], "unknown key `stepps`: did you mean `steps`?"),
        (["steps=-3"], "`steps` (=-3): input should be greater than 0"),
        (["model.n_head=3"], "`n_embd` (=14) must be divisible by `n_head` (=3)."),
        (["block_size=2000"], "`block_size` (=2000) must be below the length of the training text of arithmetic"),
        (["task.parameters.withheld_pairs=[]"], "must name 1 to 54 of the 55 pairs"),
        (["task.parameters.withheld=[[1, 2]]"], "has no parameter 'withheld'; it takes"),
        (["task=no/such/task"], "Could not load the task 'no/such/task'"),
        (["model=n15"], f"unknown rung 'n15'; the ladder has {', '.join(LADDER)}"),
    ],
)
def test_a_mistake_is_one_clear_message_code_2_and_nothing_written(call, tmp_path, words, message):
    write_study(tmp_path, CELL)
    result = call("run", "s.yaml", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_everything_withheld_is_refused(call, tmp_path):
    pairs = [[a, b] for a in range(10) for b in range(a, 10)]
    write_study(tmp_path, CELL | {"task": {"path": "arithmetic", "parameters": {"withheld_pairs": pairs}}})
    result = call("run", "s.yaml")
    assert result.exit_code == 2
    assert "must name 1 to 54 of the 55 pairs" in result.stderr


def test_missing_files_and_foreign_folders_are_refused(call, tmp_path):
    assert "study 'nothing.yaml' not found" in call("run", "nothing.yaml").stderr
    write_study(tmp_path, CELL)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.yaml").write_text("study: another\n", encoding="utf-8")
    result = call("run", "s.yaml", "--output", "other")
    assert result.exit_code == 2
    assert "`--output` (=other) belongs to study 'another', not to 's'" in result.stderr
    result = call("run", "s.yaml", "--output", "s.yaml/below")
    assert result.exit_code == 2
    assert "Not a directory" in result.stderr
    for command in (["report", "nowhere"], ["evaluate", "nowhere"], ["ask", "nowhere", "<1+1="]):
        result = call(*command)
        assert result.exit_code == 2
        assert "nowhere" in result.stderr
        assert "Traceback" not in result.output


def test_the_whole_line_from_study_to_answers(call, tmp_path):
    write_study(tmp_path, CELL, {"task": ["arithmetic"]})
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "hf_capacity.cli", "run", "s.yaml", "--workers", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert "step 20/20" in result.stdout
    [model] = (tmp_path / "runs" / "s").glob("arithmetic-*")
    assert read_record(model)["provenance"]["num_threads"] == 1, "one thread a worker, whatever the environment says"
    again = call("run", "s.yaml")
    assert "s: 1 run, 1 done, 0 to do, in runs/s" in again.output

    report = call("report", "runs/s")
    assert report.exit_code == 0
    assert (tmp_path / "runs" / "s" / "report.md").read_text(encoding="utf-8") in report.output

    marked = call("evaluate", model)
    assert marked.exit_code == 0
    assert "The intervals are over the questions of this one model" in marked.output
    assert "withheld  <5+7=" in marked.output
    asked = call("ask", model, "<5+7=")
    assert asked.output.startswith("<5+7=")
    contradicted = call("evaluate", model, "--task", "capitals")
    assert contradicted.exit_code == 2
    assert "contradicts" in contradicted.stderr


def test_many_runs_are_done_on_request_only(tmp_path, call):
    path = tmp_path / "many.yaml"
    path.write_text(
        "settings: {task: capitals, model: n14, block_size: 9, batch_size: 8}\nseeds: {model_seed: 1001}\n"
    )
    refused = call("run", path, "--dry-run", "--output", tmp_path / "out")
    assert refused.exit_code == 2
    assert "expands to 1,001 runs, more than 1,000: take less of its grid (KEY=VALUE), or add --yes" in refused.output
    assert "1001 runs, 0 done" in call("run", path, "--dry-run", "--yes", "--output", tmp_path / "out").output
    assert "1000 runs, 0 done" in call("run", path, "seeds=1000", "--dry-run", "--output", tmp_path / "out").output


def test_every_pair_once_of_a_task_that_has_pairs(tmp_path, call):
    (tmp_path / "s.yaml").write_text(
        "settings: {model: n14, block_size: 9, batch_size: 8}\nseeds: {split_seed: all}\npairs: own\n"
    )
    refused = call("run", "s.yaml", "task=capitals")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: `seeds.split_seed: all` is for tasks whose pairs `split_seed` draws")
    assert refused.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]
    planned = call("run", "s.yaml", "task={path: arithmetic, name: rotating_pair}", "--dry-run")
    assert "s: 45 runs, 0 done, 45 to do" in planned.output
