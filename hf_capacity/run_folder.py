"""The writing side of `results`: one folder a run, one writer a folder, and nothing half-written that looks whole."""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from .config import ExperimentConfig
from .results import SCHEMA_VERSION, Damaged, read_curve, read_record, record_text, sha256, write_atomically
from .shown import without_secrets


logger = logging.getLogger(__name__)

# Seconds to wait for a run folder: a killed command's workers need a moment to notice and let go.
LOCK_PATIENCE = 10


class RunLocked(RuntimeError):
    """Another process is writing this run."""


class RunFolder:
    """The folder of one run.

    Args:
        output: The study's folder.
        config: The run.
    """

    def __init__(self, output: Path, config: ExperimentConfig):
        self.config = config
        self.path = Path(output) / config.run_id
        self.record, self.failure = self.path / "record.json", self.path / "failure.json"
        self.curve = self.path / "learning_curve.jsonl"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Makes this process the folder's one writer; the system lets go of the lock when its holder dies.

        Raises:
            RunLocked: Another process holds it, and says which.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a+", encoding="utf-8") as file:
            deadline = time.monotonic() + LOCK_PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        file.seek(0)
                        holder = file.read() or "another process"
                        raise RunLocked(f"{self.path} is being written by {holder}: wait, or stop it.") from None
                time.sleep(0.1)
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            yield

    def done(self) -> bool:
        """Whether the run has its record.

        Raises:
            Damaged: There is one, but it or a file that it vouches for is not whole.
        """
        if not self.record.exists():
            return False
        record = read_record(self.path)
        if record["run_id"] != self.config.run_id:
            raise Damaged(f"{self.record} belongs to run {record['run_id']}.")
        for name, digest in record["files"].items():
            path = self.path / name
            if not path.exists() or sha256(path) != digest:
                raise Damaged(f"{path} is not the file that the record vouches for.")
        return True

    def begin(self, session: dict[str, Any]) -> list[dict[str, Any]]:
        """Writes the config, takes an earlier failure away and notes the session; gives all sessions so far."""
        write_atomically(
            self.path / "config.yaml", yaml.safe_dump(self.config.to_dict(), sort_keys=False, allow_unicode=True)
        )
        self.failure.unlink(missing_ok=True)
        path = self.path / "sessions.jsonl"
        lines = [*(path.read_text(encoding="utf-8").splitlines() if path.exists() else []), json.dumps(session)]
        write_atomically(path, "\n".join(lines) + "\n")
        return [json.loads(line) for line in lines]

    def clear(self) -> None:
        """Takes everything away but the lock."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()

    # Checkpoints: the Trainer writes them file by file; a manifest, written last, makes one whole.

    def seal_checkpoint(self, step: int) -> None:
        """Declares the checkpoint of `step` whole, and takes older ones away."""
        checkpoint = self.path / f"checkpoint-{step}"
        files = {path.name: sha256(path) for path in sorted(checkpoint.iterdir())}
        write_atomically(checkpoint / "manifest.json", json.dumps(files, indent=1))
        for other in self.path.glob("checkpoint-*"):
            if other != checkpoint:
                shutil.rmtree(other)

    def last_checkpoint(self) -> tuple[Path, int] | None:
        """The newest whole checkpoint and its step; half-written and damaged ones are taken away."""
        whole = []
        for checkpoint in self.path.glob("checkpoint-*"):
            if _is_whole(checkpoint):
                whole.append((int(checkpoint.name.removeprefix("checkpoint-")), checkpoint))
            else:
                logger.warning("%s was not written to its end or is damaged: it is taken away.", checkpoint)
                checkpoint.unlink() if checkpoint.is_symlink() else shutil.rmtree(checkpoint)
        if not whole:
            return None
        step, checkpoint = max(whole)
        return checkpoint, step

    def remove_checkpoints(self) -> None:
        """Takes the checkpoints to resume from away: the run is done."""
        for checkpoint in self.path.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)

    # The learning curve

    def cut_curve(self, step: int) -> list[dict[str, Any]]:
        """Keeps the regular rows up to `step`; what came after it will come again. Gives the rows that are left.

        Raises:
            Damaged: A row up to `step` is missing or cannot be read.
        """
        regular = range(0, step + 1, self.config.eval_steps)
        rows = [row for row in read_curve(self.path) if row["step"] in regular]
        if [row["step"] for row in rows] != list(regular):
            raise Damaged(f"{self.curve} has not every row up to step {step}.")
        write_atomically(self.curve, "".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def append_to_curve(self, row: dict[str, Any]) -> None:
        """Adds the row of one evaluation."""
        with open(self.curve, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    # The end

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes the result, whole: the run is done."""
        paths = [path for path in sorted(self.path.iterdir()) if path.is_file() and not path.name.startswith(".")]
        files = {path.name: sha256(path) for path in paths if path.name not in ("sessions.jsonl", "record.json")}
        whole = {"schema_version": SCHEMA_VERSION} | record | {"files": files}
        write_atomically(self.record, record_text(whole))

    def write_failure(self, cause: str, traceback: str) -> None:
        """Writes why the run failed; the same command tries again.

        Raises:
            OSError: There is no room for that either.
        """
        content = {"cause": without_secrets(cause), "traceback": without_secrets(traceback)}
        self.path.mkdir(parents=True, exist_ok=True)  # its process may have died before it made one
        write_atomically(self.failure, json.dumps(content, indent=1) + "\n")


def states(output: Path, runs: Sequence[ExperimentConfig]) -> list[str]:
    """How each run stands in a study's folder: `done`, `to do`, or `to do again: WHY`.

    Every file that a record vouches for is read and compared: 3 s for ten thousand runs whose files are in memory.
    (Eight threads took 4 to 5 s: they wait for each other more than for the disk.)

    Raises:
        OSError: A file is there and cannot be read.
    """

    def state(run: ExperimentConfig) -> str:
        try:
            return "done" if RunFolder(output, run).done() else "to do"
        except Damaged as damage:
            return f"to do again: {damage}"

    return [state(run) for run in runs]


def _is_whole(checkpoint: Path) -> bool:
    """Whether every file is there as it was written; a link is none of ours, wherever it leads."""
    try:
        files = json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))
        paths = [checkpoint, *(checkpoint / name for name in files)]
        return not any(path.is_symlink() for path in paths) and all(
            sha256(checkpoint / name) == digest for name, digest in files.items()
        )
    except (OSError, ValueError):
        return False
