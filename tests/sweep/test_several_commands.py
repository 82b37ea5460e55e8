"""Several commands on one output: each does what is free, waits for the rest, and all is done once."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.survivors import assert_same, wait_for
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import read_records
from hf_capacity.sweep.local import SECONDS_BETWEEN_TRIES


STUDY = """
settings: {steps: 60, eval_steps: 20, save_steps: 20, block_size: 9, batch_size: 8}
grid: {model: [n14], task: [arithmetic], model_seed: [1, 2, 3, 4]}
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture
def start(begin, study):
    return lambda output, log, *words: begin("run", study, "--output", output, "--workers", "1", *words, log=log)


@pytest.mark.slow  # two commands that load torch
def test_commands_at_once_share_the_runs_and_all_end_well(study, start, tmp_path):
    output, logs = tmp_path / "out", [tmp_path / f"log-{place}" for place in range(2)]
    commands = [start(output, log) for log in logs]
    assert [command.wait(timeout=120) for command in commands] == [0, 0], [log.read_text() for log in logs]
    runs = read_study(str(study)).runs()
    assert len(read_records(output)) == len(runs)
    sessions = [(output / run.run_id / "sessions.jsonl").read_text(encoding="utf-8").count("\n") for run in runs]
    assert sessions == [1] * len(runs), "no run was done twice"
    run_experiment(runs[0], tmp_path / "alone", study="s")
    assert_same(output / runs[0].run_id, tmp_path / "alone" / runs[0].run_id)


@pytest.mark.processes  # a command that waits
def test_a_run_that_is_held_comes_last_and_its_holder_is_said_once(study, start, tmp_path):
    runs, output, log = read_study(str(study)).runs(), tmp_path / "out", tmp_path / "log"
    claim_folder(output, "s")
    held = RunFolder(output, runs[0])
    with held.lock():
        command = start(output, log)
        wait_for(lambda: len(list(output.glob("*/record.json"))) == 3)  # the free ones
        time.sleep(2 * SECONDS_BETWEEN_TRIES)
        assert command.poll() is None
    assert command.wait(timeout=60) == 0
    told = log.read_text(encoding="utf-8")
    assert told.count(f"{held.path} is being written by process {os.getpid()} on ") == 1
    assert "All runs are done." in told


@pytest.mark.slow  # likewise
def test_a_command_that_waits_can_be_interrupted(study, start, tmp_path):
    runs, output, log = read_study(str(study)).runs(), tmp_path / "out", tmp_path / "log"
    claim_folder(output, "s")
    for run in runs[1:]:
        run_experiment(run, output, study="s")
    with RunFolder(output, runs[0]).lock():
        command = start(output, log)
        wait_for(lambda: "is being written by" in log.read_text(encoding="utf-8"))
        command.terminate()
        assert command.wait(timeout=5) == 143
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_of_studies_that_claim_one_folder_at_once_one_has_it(tmp_path):
    outcomes = {}

    def claim(study):
        try:
            claim_folder(tmp_path / "out", study)
            outcomes[study] = "has it"
        except ValueError as error:
            outcomes[study] = str(error)

    threads = [threading.Thread(target=claim, args=(f"study-{place}",)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("has it" if outcome == "has it" else "refused" for outcome in outcomes.values()) == [
        "has it", *["refused"] * 7
    ]  # fmt: skip
    assert all("belongs to study" in outcome for outcome in outcomes.values() if outcome != "has it")


def test_a_claim_that_a_crash_cut_short_is_made_again(tmp_path):
    (tmp_path / ".study.yaml.partial").write_text("stu", encoding="utf-8")
    claim_folder(tmp_path, "s")
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


# Paths that are no UTF-8

NO_UTF8 = os.fsdecode(b"out-\xff")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "s.yaml", "--output", NO_UTF8],
        ["run", NO_UTF8],
        ["run", "s.yaml", f"task={NO_UTF8}"],
        ["report", NO_UTF8],
        ["results", NO_UTF8],
        ["results", "x", "--output", f"{NO_UTF8}.csv"],
        ["evaluate", NO_UTF8],
        ["ask", "x", NO_UTF8],
        ["demo", NO_UTF8],
        ["publish", "study", NO_UTF8, "--dry-run"],
        ["publish", "study", "x", "--dry-run", "--output", NO_UTF8],
    ],
    ids=lambda words: " ".join(words[:2]).encode("ascii", "backslashreplace").decode(),
)
def test_a_path_that_is_no_utf8_is_refused_in_a_line_and_nothing_is_written(study, monkeypatch, words):
    monkeypatch.chdir(study.parent)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "is not UTF-8: give a name that is." in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in study.parent.iterdir()] == ["s.yaml"]


def test_an_output_that_is_no_utf8_is_refused_by_the_api_too(study, tmp_path):
    [run, *_] = read_study(str(study)).runs()
    with pytest.raises(ValueError, match=r"`--output` .* is not UTF-8"):
        run_experiment(run, tmp_path / NO_UTF8, study="s")
    assert not (tmp_path / NO_UTF8).exists()


# A full disk

WRITERS = """
import json, resource, sys
from pathlib import Path
import torch
from hf_capacity.config import ExperimentConfig
from hf_capacity.experiment import run_experiment
torch.set_num_threads(1)
settings, output, most = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def limit(step, row):
    if row and step == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
try:
    run_experiment(ExperimentConfig.from_dict(settings), output, study="s", progress=limit)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize(
    ("most_bytes", "model", "name"),
    [
        pytest.param(100, "n14", "learning_curve.jsonl", marks=pytest.mark.processes),
        pytest.param(20_000, "n56", "checkpoint-20/model.safetensors", marks=pytest.mark.slow),
        pytest.param(20_000, "n14", "checkpoint-20/optimizer.pt", marks=pytest.mark.slow),
    ],
)
def test_the_first_file_that_finds_no_room_is_named(tmp_path, most_bytes, model, name):
    settings = {"task": "arithmetic", "model": model, "block_size": 9, "batch_size": 8}
    settings |= {"steps": 40, "eval_steps": 10 if "curve" in name else 40, "save_steps": 20}
    program = [sys.executable, "-c", WRITERS, json.dumps(settings)]
    child = subprocess.run([*program, str(tmp_path), str(most_bytes)], capture_output=True, text=True, check=False)
    assert child.stdout.startswith("OSError: "), child.stdout + child.stderr
    assert Path(child.stdout.strip().rpartition("'")[0].rpartition("'")[2]).match(f"*/{name}"), child.stdout
