"""What a run resumes from is data, and its own: no pickle is carried out, and no link followed."""

import shutil
from pathlib import Path

import pytest
import torch

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.folder import RunFolder


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=20, eval_steps=10, save_steps=10
)


class Stopped(Exception):
    pass


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def stopped(tmp_path):
    """A run that was stopped after its first checkpoint."""

    def stop(step, row):
        if row and step == RUN.steps:
            raise Stopped

    with pytest.raises(Stopped):
        run_experiment(RUN, tmp_path / "runs", study="s", progress=stop)
    return RunFolder(tmp_path / "runs", RUN)


def poison(checkpoint: Path, name: str, trap: Path) -> None:
    """Puts a pickle with code into a checkpoint, and vouches for it."""
    torch.save(Trap(trap), checkpoint / name)
    (checkpoint / "manifest.json").unlink()
    step = int(checkpoint.name.removeprefix("checkpoint-"))
    RunFolder(checkpoint.parent.parent, RUN).seal_checkpoint(step)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"])
def test_no_code_in_a_state_to_resume_from_is_carried_out(stopped, tmp_path, caplog, name):
    poison(stopped.path / "checkpoint-10", name, tmp_path / "sprung")
    record = run_experiment(RUN, tmp_path / "runs", study="s")
    is_read = name != "training_args.bin"  # by nobody
    assert record["provenance"]["resumed_from"] == ([] if is_read else [10])
    assert ("Weights only load failed" in caplog.text) == is_read
    assert ("The run starts again." in caplog.text) == is_read
    assert not (tmp_path / "sprung").exists()


def test_the_trap_does_work(tmp_path):
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "state.pt")
    torch.load(tmp_path / "state.pt", weights_only=False)
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("sessions", [None, b"", b"{torn", b"[]\n", b"\xff\n", b'{"started": 5, "resumed_from": 0}\n'])
def test_damaged_notes_of_earlier_sessions_fail_no_run(stopped, tmp_path, sessions):
    path = stopped.path / "sessions.jsonl"
    path.unlink() if sessions is None else path.write_bytes(sessions)
    record = run_experiment(RUN, tmp_path / "runs", study="s")
    assert record["provenance"]["resumed_from"] == [10]
    assert stopped.done()


@pytest.mark.parametrize("part", ["", "optimizer.pt"])
def test_a_link_out_of_the_runs_folder_is_not_followed(stopped, tmp_path, caplog, part):
    inside, outside = stopped.path / "checkpoint-10" / part, tmp_path / "elsewhere"
    shutil.move(inside, outside)
    inside.symlink_to(outside)
    record = run_experiment(RUN, tmp_path / "runs", study="s")
    assert "was not written to its end or is damaged: it is deleted" in caplog.text
    assert record["provenance"]["resumed_from"] == []  # it began anew
    assert outside.exists()
