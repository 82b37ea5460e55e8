"""Kill anything anywhere: the same command ends byte for byte where an undisturbed one ends."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.survivors import assert_same, processes_with, wait_for

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_records


SUPPORT = Path(__file__).parents[1] / "support"
MOMENTS = ("at a step", "during a checkpoint write", "between last checkpoint and record", "during the record write")


def settings(moment, implementation):
    """A run of sixty steps; compiling is for longer ones, and only dropout draws random numbers that have to go on."""
    task, block_size = [("arithmetic", 9), ("capitals", 24), ("both", 24), ("arithmetic", 9)][MOMENTS.index(moment)]
    scale = 100 if implementation == "compiled" else 1
    dropout = 0.0 if implementation == "fused" else 0.1
    return {
        "task": task, "model": {"n_layer": 1, "n_head": 1, "n_embd": 8, "dropout": dropout}, "block_size": block_size,
        "batch_size": 8, "steps": 60 * scale, "eval_steps": 7 * scale, "save_steps": 10 * scale,
        "keep_checkpoints": [5 * scale, 35 * scale],
    }  # fmt: skip


def survives(tmp_path, moment, implementation):
    config = settings(moment, implementation)
    run = ExperimentConfig.from_dict(config)
    step = random.Random(f"{moment}-7").randrange(2, 6) * run.save_steps
    if moment == "at a step":
        step += 3
    command = [sys.executable, str(SUPPORT / "killed_run.py"), str(tmp_path / "killed"), json.dumps(config), moment]
    child = subprocess.run([*command, str(step)], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    folder = tmp_path / "killed" / run.run_id
    assert not (folder / "record.json").exists()
    checkpoints = {path.name: (path / "manifest.json").exists() for path in folder.glob("checkpoint-*")}
    last = {"at a step": step - 3, "during a checkpoint write": step - run.save_steps}.get(moment, run.steps)
    whole = {f"checkpoint-{last}": True}
    if moment == "during a checkpoint write":
        whole[f"checkpoint-{step}"] = False
    assert checkpoints == whole
    assert (folder / ".record.json.partial").exists() == (moment == "during the record write")

    record = run_experiment(run, tmp_path / "killed", study="s")
    assert record["provenance"]["resumed_from"] == [last]
    assert record["provenance"]["training_step"] == implementation
    assert last > 0
    run_experiment(run, tmp_path / "undisturbed", study="s")
    assert_same(folder, tmp_path / "undisturbed" / run.run_id)


SLOW = [pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS[2:]]  # ten seconds each


@pytest.mark.parametrize("moment", [MOMENTS[0], pytest.param(MOMENTS[1], marks=pytest.mark.processes), *SLOW])
def test_a_run_killed_at_a_bad_moment_resumes_to_the_same_bytes(tmp_path, moment):
    survives(tmp_path, moment, "fused")


@pytest.mark.slow  # three processes of the plain step
def test_a_run_with_dropout_does_too(tmp_path):
    survives(tmp_path, "at a step", "plain")


@pytest.mark.slow  # three processes that compile
@pytest.mark.parametrize("moment", MOMENTS[:2])
def test_a_compiled_run_does_too(tmp_path, moment):
    survives(tmp_path, moment, "compiled")


STUDY = """
description: two short runs on two workers
settings: {steps: 1000, eval_steps: 250, save_steps: 20, block_size: 9, batch_size: 8}
grid:
  model: [n14]
  task: [arithmetic]
  model_seed: [1, 2]
"""


@pytest.fixture
def start(begin):
    return lambda study, output: begin("run", study, "--output", output, "--workers", "2")


def workers_of(command, folder):
    """The processes of a command that write runs below a folder."""
    return processes_with(folder, psutil.Process(command.pid).children(recursive=True))


def steps_done(output):
    steps = [int(path.parent.name.split("-")[-1]) for path in output.glob("*/checkpoint-*/manifest.json")]
    return sum(steps) + 1000 * len(list(output.glob("*/record.json")))


@pytest.mark.processes  # four commands
def test_a_study_stopped_killed_and_orphaned_ends_where_an_undisturbed_one_does(start, tmp_path):
    study, output = tmp_path / "survival.yaml", tmp_path / "disturbed"
    study.write_text(STUDY, encoding="utf-8")
    done = 0
    for kill, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        command = start(study, output)
        wait_for(lambda done=done: steps_done(output) > done + 80)
        workers = workers_of(command, output)
        assert len(workers) == 2
        began = time.monotonic()
        command.send_signal(kill)
        assert command.wait(timeout=10) == code
        if kill != signal.SIGKILL:
            assert time.monotonic() - began < 5
            assert not any(worker.is_running() for worker in workers)
        done = steps_done(output)
        assert done > 0
    # At once, while the orphaned workers may still hold their folders.
    assert start(study, output).wait(timeout=120) == 0
    _, still_there = psutil.wait_procs(workers, timeout=5)
    assert not still_there, "workers end when their parent dies"

    for run in read_study(str(study)).runs():
        run_experiment(run, tmp_path / "undisturbed", study="survival")
        assert_same(output / run.run_id, tmp_path / "undisturbed" / run.run_id)
    resumed = [record["provenance"]["resumed_from"] for record in read_records(output)]
    assert any(steps and max(steps) > 0 for steps in resumed)


@pytest.mark.processes  # two commands
def test_a_failing_and_a_killed_run_are_reported_and_do_not_stop_the_others(start, tmp_path):
    study, output = tmp_path / "failures.yaml", tmp_path / "out"
    study.write_text(
        STUDY.replace("[1, 2]", "[1]") + "  learning_rate: [1.0e-2, 1.0e+30]\n  max_grad_norm: [1.0e+30]\n"
    )
    good, bad = sorted(read_study(str(study)).runs(), key=lambda run: run.learning_rate)
    command = start(study, output)
    wait_for((output / good.run_id / "task.json").exists)
    [victim] = workers_of(command, output / good.run_id)
    victim.suspend()  # the good one must not be done before the bad one has failed
    wait_for((output / bad.run_id / "failure.json").exists)
    victim.kill()
    assert command.wait(timeout=60) == 1
    told = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert f"{bad.run_id}: FloatingPointError: the loss is nan" in told
    assert f"{good.run_id}: its process was killed by SIGKILL" in told
    assert "Traceback" not in told
    assert "in train" in json.loads((output / bad.run_id / "failure.json").read_text(encoding="utf-8"))["traceback"]
    assert not list(output.glob("*/record.json"))
    # The same command tries again: the good one comes through, the bad one fails again.
    assert start(study, output).wait(timeout=60) == 1
    assert (output / good.run_id / "record.json").exists()
    assert not (output / good.run_id / "failure.json").exists()
    assert not (output / bad.run_id / "record.json").exists()
