"""What tests share that kill a command: how to call it, how to wait for a moment, and what must come out."""

import contextlib
import sys
import time

import psutil

from hf_capacity.runs.records import read_record


HF_CAPACITY = [sys.executable, "-m", "hf_capacity.cli"]
PROVENANCE = ("provenance", "digest", "folder")


def assert_same(folder, undisturbed):
    """Every file but lock and sessions, byte for byte; the record but for its provenance and its digest."""
    names = {str(path.relative_to(undisturbed)) for path in undisturbed.rglob("*") if path.is_file()}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == names
    for name in names - {".lock", "sessions.jsonl", "record.json"}:
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    ours, theirs = read_record(folder), read_record(undisturbed)
    assert {key: ours[key] for key in ours if key not in PROVENANCE} == {
        key: theirs[key] for key in theirs if key not in PROVENANCE
    }


def processes_with(folder, processes):
    """Those that hold a file below a folder open; a helper that a library starts may end while one looks."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if any(str(folder) in file.path for file in process.open_files()):
                found.append(process)
    return found


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
