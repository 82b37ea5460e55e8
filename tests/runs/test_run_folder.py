import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hf_capacity.boundary.writing import Damaged, write_atomically
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs import folder as run_folder_room
from hf_capacity.runs.claim import check_folder, claim_folder
from hf_capacity.runs.folder import RunFolder, RunLocked, states
from hf_capacity.runs.records import read_curve, read_record, read_records, read_unfinished
from hf_capacity.runs.schema import with_digest
from hf_capacity.runs.table import load_results


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=20, eval_steps=10, save_steps=10
)


@pytest.fixture
def finished(tmp_path):
    record = run_experiment(RUN, tmp_path, study="s")
    return RunFolder(tmp_path, RUN), record


def test_a_finished_run_holds_what_the_map_says_and_nothing_to_resume_from(finished):
    folder, record = finished
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        ".lock", "config.json", "config.yaml", "generation_config.json", "learning_curve.jsonl", "model.safetensors",
        "record.json", "sessions.jsonl", "task.json", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert folder.record.stat().st_size < 4096
    [read] = read_records(folder.path.parent)
    assert {key: read[key] for key in record} == record


def test_a_finished_run_is_read_not_done_again(finished):
    folder, record = finished
    before = folder.record.stat().st_mtime_ns
    again = run_experiment(RUN, folder.path.parent, study="s")
    assert {key: again[key] for key in record} == record
    assert folder.record.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["record.json", "learning_curve.jsonl", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_file_is_named_and_the_run_done_again_with_the_same_outcome(finished, caplog, name, damage):
    folder, record = finished
    path = folder.path / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"\xff" + whole[1:])
    if (name, damage) != ("record.json", "missing"):
        with pytest.raises(Damaged, match=name):
            folder.done()
    again = run_experiment(RUN, folder.path.parent, study="s")
    if (name, damage) != ("record.json", "missing"):
        assert any(name in entry.getMessage() and "done again" in entry.getMessage() for entry in caplog.records)
    assert folder.done()
    if name != "record.json":
        assert path.read_bytes() == whole
    assert again["last"] == record["last"]


def test_another_runs_or_versions_record_is_never_read_as_the_result(finished):
    folder, _ = finished
    foreign = json.loads(folder.record.read_text(encoding="utf-8"))
    folder.record.write_text(json.dumps(with_digest(foreign | {"run_id": "other"})), encoding="utf-8")
    with pytest.raises(Damaged, match="belongs to run other"):
        folder.done()
    folder.record.write_text(json.dumps(foreign | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(Damaged, match=r"is no record of schema version 1 or 2 \(it has 99\)"):
        folder.done()


def test_one_writer_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder_room, "LOCK_PATIENCE", 0.2)
    claim_folder(tmp_path, "s")
    with RunFolder(tmp_path, RUN).lock():
        with pytest.raises(RunLocked, match=rf"{RUN.run_id} is being written by process {os.getpid()} on "):
            run_experiment(RUN, tmp_path, study="s")
        assert not RunFolder(tmp_path, RUN).failure.exists()
    run_experiment(RUN, tmp_path, study="s")


def test_half_written_and_damaged_checkpoints_are_named_and_not_used(tmp_path, caplog):
    folder = RunFolder(tmp_path, RUN)
    for step in (10, 20):
        checkpoint = folder.path / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "model.safetensors").write_text(f"weights of {step}", encoding="utf-8")
    assert folder.last_checkpoint() is None
    assert "checkpoint-10 was not written to its end" in caplog.text
    for step in (10, 20):
        checkpoint = folder.path / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "model.safetensors").write_text(f"weights of {step}", encoding="utf-8")
    folder.seal_checkpoint(10)
    assert not (folder.path / "checkpoint-20").exists(), "sealing one takes the others away"
    assert folder.last_checkpoint() == (folder.path / "checkpoint-10", 10)
    (folder.path / "checkpoint-10" / "model.safetensors").write_text("weights of x", encoding="utf-8")
    assert folder.last_checkpoint() is None


def test_the_curve_is_cut_at_the_checkpoint_and_a_torn_row_left_out(tmp_path):
    folder = RunFolder(tmp_path, RUN)
    folder.path.mkdir(parents=True)
    for step in (0, 10, 20):
        folder.append_to_curve({"step": step})
    with open(folder.curve, "a", encoding="utf-8") as file:
        file.write('{"step": 30, "lo')
    assert [row["step"] for row in read_curve(folder.path)] == [0, 10, 20]
    assert folder.cut_curve(10) == [{"step": 0}, {"step": 10}]
    assert folder.curve.read_text(encoding="utf-8") == '{"step": 0}\n{"step": 10}\n'
    with pytest.raises(Damaged, match="has not every row up to step 20"):
        folder.cut_curve(20)
    folder.curve.write_text('{"step": 0}\n{"st\n{"step": 10}\n', encoding="utf-8")
    with pytest.raises(Damaged, match="not readable as JSON"):
        folder.cut_curve(10)


def test_a_task_whose_text_has_changed_is_not_resumed(tmp_path, caplog):
    record = run_experiment(RUN, tmp_path / "undisturbed", study="s")
    folder = RunFolder(tmp_path / "disturbed", RUN)
    run_experiment(RUN, tmp_path / "disturbed", study="s")
    folder.record.unlink()
    checkpoint = folder.path / "checkpoint-20"
    checkpoint.mkdir()
    folder.seal_checkpoint(20)
    identity = json.loads((folder.path / "task.json").read_text(encoding="utf-8"))
    (folder.path / "task.json").write_text(json.dumps(identity | {"digest": "0"}), encoding="utf-8")
    again = run_experiment(RUN, tmp_path / "disturbed", study="s")
    assert "its text has changed since. The run starts again." in caplog.text
    assert again["last"] == record["last"]


def test_a_studys_folder_is_its_own(tmp_path):
    claim_folder(tmp_path / "a", "quick")
    check_folder(tmp_path / "a", "quick")
    with pytest.raises(ValueError, match="belongs to study 'quick', not to 'other': name another folder"):
        check_folder(tmp_path / "a", "other")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ValueError, match="holds something else than a study"):
        claim_folder(tmp_path / "b", "quick")
    with pytest.raises(ValueError, match="is a file"):
        check_folder(tmp_path / "b" / "letter.txt", "quick")
    (tmp_path / "a" / "study.yaml").write_text("[", encoding="utf-8")
    with pytest.raises(Damaged, match="does not say whose folder"):
        check_folder(tmp_path / "a", "quick")


def test_results_load_as_a_table(finished):
    folder, record = finished
    table = load_results(folder.path.parent)
    assert len(table) == 1
    assert table.loc[0, "last.fit"] == record["last"]["fit"]
    assert table.loc[0, "config.model.name"] == "n14"
    with pytest.raises(ValueError, match="has no finished run"):
        load_results(folder.path)


def test_a_failure_can_be_written_before_the_folder_is_there(tmp_path):
    folder = RunFolder(tmp_path, RUN)
    folder.write_failure("its process was killed by SIGKILL", "")
    assert json.loads(folder.failure.read_text(encoding="utf-8"))["cause"] == "its process was killed by SIGKILL"


def test_what_cannot_be_read_is_no_reason_to_do_a_run_again(finished):
    folder, _ = finished
    assert states(folder.path.parent, [RUN]) == ["done"]
    (folder.path / "model.safetensors").unlink()
    (folder.path / "model.safetensors").mkdir()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        states(folder.path.parent, [RUN])


# A full disk. In the end the run, and what it leaves, is the undisturbed one.

LONG = {"task": "arithmetic", "block_size": 9, "batch_size": 8, "steps": 60, "save_steps": 10}
FIRST = LONG | {"model": "n14", "eval_steps": 1}


def assert_same(folder, undisturbed):
    assert {path.name for path in folder.iterdir()} == {path.name for path in undisturbed.iterdir()}
    record = read_record(undisturbed)
    for name in record["files"]:
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert read_record(folder)["last"] == record["last"]


@pytest.mark.processes  # a run in each of ten states of a disk of its own
def test_a_run_whose_disk_fills_up_anywhere_fails_with_that_cause_and_goes_on_when_there_is_room(tmp_path):
    own_disk = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*own_disk, "true"], capture_output=True).returncode:
        pytest.skip("nobody but root may mount a small disk here")
    # In a row of the curve, in each file of a checkpoint, and in the files and the record at the end.
    moments = [[3, 0], [19, 0], [19, 8], [19, 28], [19, 60], [33, 44], [41, 0], ["end", 0], ["end", 8], ["end", 20]]
    (tmp_path / "disk").mkdir()
    program = [*own_disk, sys.executable, str(Path(__file__).parents[1] / "support" / "full_disk.py")]
    words = [str(tmp_path / "disk"), str(tmp_path / "copy"), json.dumps(FIRST), json.dumps(moments)]
    child = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    causes = json.loads(child.stdout)
    assert len(causes) == len(moments)
    assert all("no space left on device" in cause.lower() for cause in causes), causes
    files = [cause.strip("'").rpartition("/")[2] for cause in causes]
    assert files[0] == "learning_curve.jsonl"
    assert all("." in name for name in files), "the first file is named, no folder"
    assert "optimizer.pt" in files
    run = ExperimentConfig.from_dict(FIRST)
    resumed = read_record(tmp_path / "copy" / run.run_id)["provenance"]["resumed_from"]
    assert (resumed[0], resumed[-1]) == (10, 60)
    run_experiment(run, tmp_path / "undisturbed", study="s")
    assert_same(tmp_path / "copy" / run.run_id, tmp_path / "undisturbed" / run.run_id)


@pytest.mark.slow  # a study four times over; the test before has one run of it
def test_runs_whose_files_find_no_room_say_so_stop_no_other_and_go_on_by_the_same_command(tmp_path):
    # No file may grow beyond so many bytes: a real refusal of the system in mid-run that takes no root. The curve of
    # the first run comes to it, and the optimiser of the second.
    most_bytes = 30_000
    second = LONG | {"model": "n28", "eval_steps": 20}
    third = LONG | {"model": "n14", "eval_steps": 20}
    causes = {"File too large": FIRST, "no space left on device": second, None: third}
    runs = {cause: ExperimentConfig.from_dict(settings) for cause, settings in causes.items()}
    for run in runs.values():
        run_experiment(run, tmp_path / "undisturbed", study="s")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"grid": {"run": list(causes.values())}}), encoding="utf-8")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, resource.RLIM_INFINITY))"
    code = "from hf_capacity.cli import app; app(['run', 's.yaml', '--workers', '1'])"

    def call(code):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    failed, output = call(f"{limited}; {code}"), tmp_path / "runs" / "s"
    assert failed.returncode == 1
    assert "2 of 3 runs failed; the same command tries them again" in failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
    for cause, run in runs.items():
        if cause:
            assert re.search(rf"{run.run_id}: OSError: .*{cause}", failed.stderr)
            assert cause in read_unfinished(output)[run.run_id]
    assert [record["run_id"] for record in read_records(output)] == [runs[None].run_id]
    again = call(code)
    assert again.returncode == 0, again.stderr
    assert "s: 3 runs, 1 done, 2 to do" in again.stdout
    for run in runs.values():
        assert_same(output / run.run_id, tmp_path / "undisturbed" / run.run_id)


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.json"
    write_atomically(path, "before")
    code = (
        "import resource; from pathlib import Path; from hf_capacity.boundary.writing import write_atomically; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); write_atomically(Path({str(path)!r}), bytes(2000))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"File too large: '{path}'" in child.stderr
    assert [(left.name, left.read_text(encoding="utf-8")) for left in tmp_path.iterdir()] == [("x.json", "before")]
