"""A run in a tracker: TensorBoard's files read back beside the learning curve, and what is refused before any run."""

import dataclasses

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from transformers import TrainerCallback

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_curve, read_records
from hf_capacity.runs.tracking import Tracking


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=40, eval_steps=10, save_steps=20
)


class Death(TrainerCallback):
    """The end of a run's process, as it would be of the run."""

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 35:
            raise RuntimeError("died")


def read_log(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def without_provenance(record):
    kept = {name: value for name, value in record.items() if name not in ("provenance", "digest", "folder")}
    return kept | {"files": {name: digest for name, digest in record["files"].items() if name != "sessions.jsonl"}}


def test_a_stopped_run_goes_on_in_its_log_and_its_record_says_nothing_of_it(tmp_path):
    tracked = {"study": "s", "report_to": "tensorboard", "project": "widths"}
    with pytest.raises(RuntimeError, match="died"):
        run_experiment(RUN, tmp_path / "tracked", callbacks=[Death()], **tracked)
    folder = tmp_path / "tracked" / "tensorboard" / "widths" / RUN.run_id
    assert [event.step for event in read_log(folder).Scalars("eval/loss")] == [0, 10, 20, 30]
    run_experiment(RUN, tmp_path / "tracked", **tracked)
    [record] = read_records(tmp_path / "tracked")
    assert record["provenance"]["resumed_from"] == [20]
    log, curve = read_log(folder), read_curve(record["folder"])
    for name in ("loss", "fit", "extrapolation"):
        logged = [(event.step, pytest.approx(event.value, rel=1e-6)) for event in log.Scalars(f"eval/{name}")]
        assert [(row["step"], row[name]) for row in curve] == logged
    [text] = make_ndarray(log.Tensors("config/text_summary")[-1].tensor_proto)
    assert "n_embd: 14" in text.decode()

    run_experiment(RUN, tmp_path / "plain", study="s")
    [plain] = read_records(tmp_path / "plain")
    assert without_provenance(plain) == without_provenance(record)


def test_what_cannot_be_logged_to_is_refused_in_a_line_before_anything(call, tmp_path, monkeypatch):
    (tmp_path / "wandb").mkdir()  # as it leaves one: no package, though Python would import it as one
    monkeypatch.syspath_prepend(tmp_path)
    for words, message in (
        (["--report-to", "mlflow"], "`--report-to` (='mlflow') must be one of tensorboard, trackio, wandb."),
        (["--report-to", "wandb"], "`--report-to` (=wandb) is not installed: pip install wandb."),
        (["--project", "mine"], "`--project` (='mine') goes with `--report-to`."),
        (["--report-to", "tensorboard", "--project", "../up"], "`--project` (='../up') must be letters, digits"),
    ):
        result = call("run", "quick", *words)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["wandb"]
    with pytest.raises(ValueError, match="must be one of"):
        run_experiment(dataclasses.replace(RUN, steps=1), tmp_path, report_to="mlflow")


def test_where_the_files_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("TENSORBOARD_LOGGING_DIR", "WANDB_DIR", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    output = tmp_path / "runs" / "s"
    commands = [Tracking(name).how_to_look("s", output) for name in ("tensorboard", "trackio", "wandb")]
    assert commands == [
        "tensorboard --logdir runs/s/tensorboard",
        "trackio show --project s",
        "wandb sync runs/s/wandb/offline-run-*",
    ]
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "all"))
    monkeypatch.setenv("WANDB_MODE", "online")
    assert Tracking("tensorboard").how_to_look("s", output) == "tensorboard --logdir all"
    assert Tracking("wandb").how_to_look("s", output) == "wandb, WANDB_MODE=online"
