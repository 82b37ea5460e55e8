"""`scripts/train.py`, really launched: on one process, and on two that share each batch."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from hf_capacity.runs.records import read_curve, read_records


ROOT = Path(__file__).parents[2]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch"]
TWO = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
PLAIN = ["--mixed_precision", "no", "--dynamo_backend", "no"]
CELL = ["task=arithmetic", "model=n14", "steps=40", "eval_steps=10", "save_steps=20", "batch_size=64"]


PUSH = ["--push-to-hub", "--hub-model-id", "small"]


def launch(how, output, *words, environment):
    return subprocess.run(
        [*ACCELERATE, *how, *PLAIN, "scripts/train.py", "--config", "configs/quick.yaml", "--output", output, *words],
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


@pytest.mark.processes  # a script
def test_a_token_that_is_not_known_is_told_before_training(hub, tmp_path):
    result = subprocess.run(
        [sys.executable, "scripts/train.py", "--config", "quick", "--output", tmp_path / "out", *CELL, *PUSH],
        cwd=ROOT, capture_output=True, text=True, check=False, env=hub.environment(tmp_path, token="nobodys"),
    )  # fmt: skip
    assert result.returncode == 2
    assert "Error: your account: the Hub does not know the token." in result.stderr
    assert "nobodys" not in result.stdout + result.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def train():
    """The script's `main`, in this process."""
    return runpy.run_path(str(ROOT / "scripts" / "train.py"))["main"]


def test_more_than_one_cell_is_refused(train, tmp_path):
    with pytest.raises(ValueError, match="quick asks for 9 runs: choose one, such as task=arithmetic model=n14"):
        train("quick", [], output=tmp_path / "out", report_to="none")
    assert not (tmp_path / "out").exists()


def test_a_tracker_that_is_not_there_is_refused(train, tmp_path):
    with pytest.raises(ValueError, match=r"`--report-to` \(=wandb\) is not installed: pip install wandb"):
        train("quick", CELL, output=tmp_path, report_to="wandb")
    assert list(tmp_path.iterdir()) == []
