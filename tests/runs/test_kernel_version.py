"""A run that another version of the kernel began goes on where no digit moves, and is refused where one would."""

import dataclasses
import json
import shutil

import pytest
from support.stopped import Stopped, stop_at
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.schema import with_digest
from hf_capacity.training.kernel import VERSION


LINES = ExperimentConfig(
    task="both", model="n14", block_size=41, batch_size=40, steps=20, eval_steps=10, save_steps=10, batches="lines"
)
# Sums are all of one length.
SUMS = dataclasses.replace(
    LINES, task=ExperimentConfig(task="arithmetic", model="n14", block_size=9, batch_size=8).task
)
WINDOWS = dataclasses.replace(LINES, batches="windows")
PLAIN = dataclasses.replace(LINES, training_step="plain")


def begin(run, output):
    with pytest.raises(Stopped):
        run_experiment(run, output, study="s", progress=stop_at(20))
    return output / run.run_id


def seal_as_before(folder):
    """Seals a checkpoint as it was done before kernels had versions."""
    path = folder / "checkpoint-10" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: content[key] for key in ("files", "curve", "kept")}
    path.write_text(json.dumps(with_digest(kept)), encoding="utf-8")


def go_on_and_compare(run, tmp_path):
    """Goes on with a run that was stopped; its weights and curve are byte for byte those of an undisturbed one."""
    folders = [tmp_path / name / run.run_id for name in ("stopped", "whole")]
    resumed, _ = (run_experiment(run, folder.parent, study="s") for folder in folders)
    assert resumed["provenance"]["resumed_from"] == [10]
    for name in ("model.safetensors", "learning_curve.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def everything_in(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lines_that_an_earlier_kernel_began_are_refused_in_a_line(tmp_path):
    folder = begin(LINES, tmp_path)
    seal_as_before(folder)
    checkpoint = everything_in(folder / "checkpoint-10")
    with pytest.raises(ValueError, match=r"was begun by version 1 of the kernel.*delete that folder") as refusal:
        run_experiment(LINES, tmp_path, study="s")
    assert "\n" not in str(refusal.value)
    assert str(folder) in str(refusal.value)
    assert everything_in(folder / "checkpoint-10") == checkpoint, "whoever began it can still finish it"
    shutil.rmtree(folder)
    assert run_experiment(LINES, tmp_path, study="s")["provenance"]["kernel_version"] == VERSION


@pytest.mark.parametrize("run", [WINDOWS, SUMS, PLAIN], ids=["windows", "lines of one length", "plain step"])
def test_where_no_digit_moved_they_go_on(tmp_path, run):
    seal_as_before(begin(run, tmp_path / "stopped"))
    go_on_and_compare(run, tmp_path)


def test_lines_of_this_kernel_are_resumed_bit_by_bit(tmp_path):
    begin(LINES, tmp_path / "stopped")
    go_on_and_compare(LINES, tmp_path)


def test_lines_that_were_begun_without_a_compiler_go_on_by_the_kernel(tmp_path, monkeypatch):
    with monkeypatch.context() as nowhere:
        nowhere.setattr("hf_capacity.training.steps.implementation_fault", lambda implementation: "no compiler")
        begin(LINES, tmp_path)
    record = run_experiment(LINES, tmp_path, study="s")
    assert record["provenance"]["resumed_from"] == [10]
    assert record["provenance"]["training_step"] == "fused"


@pytest.mark.processes  # a command and its workers
def test_a_command_says_it_too(tmp_path):
    study = tmp_path / "s.yaml"
    study.write_text(json.dumps({"settings": LINES.to_dict()}), encoding="utf-8")
    seal_as_before(begin(LINES, tmp_path / "s"))
    said = CliRunner().invoke(app, ["run", str(study), "--output", str(tmp_path / "s"), "--workers", "1"])
    assert said.exit_code == 1, "other runs of the study would go on"
    assert "was begun by version 1 of the kernel" in said.output
    assert "Traceback" not in said.output
