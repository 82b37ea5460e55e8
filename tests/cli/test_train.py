"""`hf-capacity train`, really launched: on one process, and on two that share each batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_capacity.config.study import read_study
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import read_curve, read_records


ROOT = Path(__file__).parents[2]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch"]
TWO = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
PLAIN = ["--mixed_precision", "no", "--dynamo_backend", "no"]
CELL = ["task=arithmetic", "model=n14", "steps=40", "eval_steps=10", "save_steps=20", "batch_size=64"]


PUSH = ["--push-to-hub", "--hub-model-id", "small"]


def launch(how, output, *words, environment):
    return subprocess.run(
        [*ACCELERATE, *how, *PLAIN, "-m", "hf_capacity.cli", "train", "quick", "--output", output, *words],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.processes  # two launchers and three processes
def test_two_processes_share_the_batch_and_keep_the_losses(hub, tmp_path):
    records, curves = [], []
    offline, online = os.environ | {"OMP_NUM_THREADS": "1"}, hub.environment(tmp_path / "home")
    alone = (["--num_processes", "1", "--cpu"], "one", [], offline)
    for how, name, push, environment in (alone, (TWO, "two", PUSH, online)):
        result = launch(how, tmp_path / name, *CELL, *push, environment=environment)
        assert result.returncode == 0, result.stderr
        [record] = read_records(tmp_path / name)
        records.append(record)
        curves.append(read_curve(record["folder"]))
    one, two = records
    assert (one["provenance"]["num_processes"], two["provenance"]["num_processes"]) == (1, 2)
    assert set(one) == set(two)
    assert one["config"] == two["config"]
    for alone, shared in zip(*curves, strict=True):
        assert shared["step"] == alone["step"]
        assert shared["loss"] == pytest.approx(alone["loss"], rel=1e-4)
        assert set(shared) == set(alone)
    # The second was pushed, once, and nothing but what tells of a model.
    assert hub.repos["model", "ada/small"].private
    assert len(hub.repos["model", "ada/small"].commits("main")) == 2
    assert set(hub.files("ada/small")) == {
        ".gitattributes", ".eval_results/arithmetic.yaml", "README.md", "config.json", "generation_config.json",
        "learning_curve.jsonl", "learning_curve.png", "model.safetensors", "record.json", "task.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert json.loads(hub.files("ada/small")["record.json"])["run_id"] == two["run_id"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "quick asks for 9 runs: choose one, such as task=arithmetic model=n14"),
        ([*CELL, "--report-to", "wandb"], "`--report-to` (=wandb) is not installed: pip install wandb"),
        ([*CELL, *PUSH], "your account: there is no token. Log in with `hf auth login`, or set HF_TOKEN."),
    ],
)
def test_a_slip_is_refused_in_a_line(call, tmp_path, words, message):
    said = call("train", "quick", *words)
    assert (said.exit_code, said.output.count("\n")) == (2, 1)
    assert message in said.output
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_another_process_writes_is_left_to_it(call, tmp_path):
    [run] = read_study("quick", CELL).runs()
    folder = tmp_path / "runs" / "quick"
    claim_folder(folder, "quick")
    with RunFolder(folder, run).lock():
        said = call("train", "quick", *CELL)
    assert said.exit_code == 2
    assert f"{run.run_id} is being written by process {os.getpid()}" in said.output


def test_a_tracker_hears_of_the_run(call, tmp_path):
    said = call("train", "quick", *CELL, "--output", tmp_path / "out", "--report-to", "tensorboard")
    assert said.exit_code == 0, said.output
    [record] = read_records(tmp_path / "out")
    [log] = (tmp_path / "out" / "tensorboard").rglob("events.*")
    assert log.parent.name == record["run_id"]
