"""A sealed checkpoint that cannot be read costs its steps, not the run; what is no fault of its own costs nothing."""

import json
import shutil

import pytest
import torch
from support.stopped import Stopped, stop_at

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs import resumption
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import read_record


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=30, eval_steps=10, save_steps=10
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    output = tmp_path_factory.mktemp("made")
    run_experiment(RUN, output / "finished", study="s")
    with pytest.raises(Stopped):
        run_experiment(RUN, output / "stopped", study="s", progress=stop_at(30))
    return output


@pytest.fixture
def stopped(made, tmp_path):
    return RunFolder(shutil.copytree(made / "stopped", tmp_path / "s"), RUN)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def save(content):
    return lambda path: torch.save(content, path)


def change(**fields):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields))


def other_shapes(path):
    state = torch.load(path, weights_only=True)
    for moments in state["state"].values():
        moments["exp_avg"] = torch.zeros(3)
    torch.save(state, path)


UNREADABLE = [
    ("optimizer.pt", truncate),
    ("optimizer.pt", save({})),
    ("optimizer.pt", save({"state": {}, "param_groups": []})),
    ("optimizer.pt", other_shapes),
    ("optimizer.pt", lambda path: path.unlink()),
    ("scheduler.pt", truncate),
    ("scheduler.pt", save([1, 2])),
    ("scheduler.pt", save({"last_epoch": "x"})),
    ("rng_state.pth", truncate),
    ("rng_state.pth", save({"python": 1})),
    ("trainer_state.json", truncate),
    ("trainer_state.json", change(global_step=7)),
    ("trainer_state.json", change(surprise=7)),
    ("model.safetensors", truncate),
]


@pytest.mark.parametrize(("name", "damage"), UNREADABLE, ids=[f"{name}-{n}" for n, (name, _) in enumerate(UNREADABLE)])
def test_a_sealed_checkpoint_that_cannot_be_read_is_said_and_the_run_starts_again(stopped, made, caplog, name, damage):
    damage(stopped.path / "checkpoint-20" / name)
    RunFolder(stopped.path.parent, RUN).seal_checkpoint(20)
    record = run_experiment(RUN, stopped.path.parent, study="s")
    assert record["provenance"]["resumed_from"] == []
    assert "checkpoint-20 is as it was written, but cannot be read (" in caplog.text
    assert "The run starts again." in caplog.text
    assert read_record(stopped.path)["files"] == read_record(made / "finished" / RUN.run_id)["files"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
        OSError(5, "Input/output error"),
        OSError(24, "Too many open files"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_is_no_fault_of_the_checkpoint_takes_none_away(stopped, monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(resumption, "load_file", fail)
        with pytest.raises(type(error)):
            run_experiment(RUN, stopped.path.parent, study="s")
    record = run_experiment(RUN, stopped.path.parent, study="s")
    assert record["provenance"]["resumed_from"][-1] == 20


def test_a_checkpoint_that_cannot_be_opened_now_is_not_taken_for_a_damaged_one(stopped, monkeypatch):
    from hf_capacity.runs import vouching

    def fail(path):
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(vouching, "sha256", fail)
        with pytest.raises(OSError, match="checkpoint-20"):
            stopped.last_checkpoint()
    assert stopped.last_checkpoint() == (stopped.path / "checkpoint-20", 20)


def test_weights_that_share_a_tensor_and_other_types_of_models_are_read(tmp_path):
    for model in ({"model_type": "llama", "n_layer": 1, "n_head": 1, "n_embd": 8}, "n14"):
        run = ExperimentConfig(
            task="arithmetic", model=model, block_size=9, batch_size=8, steps=20, eval_steps=10, save_steps=10
        )
        with pytest.raises(Stopped):
            run_experiment(run, tmp_path, study="s", progress=stop_at(20))
        assert run_experiment(run, tmp_path, study="s")["provenance"]["resumed_from"] == [10]
