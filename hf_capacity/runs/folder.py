"""The writing side of `results`: one folder a run, one writer a folder, and nothing half-written that looks whole."""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from ..boundary.reading import MOST_BYTES_OF_JSON, read_text
from ..boundary.shown import hide_secrets
from ..boundary.writing import Damaged, naming, sha256, write_atomically
from ..config.experiment import ExperimentConfig
from .curve_file import CurveFile
from .records import read_record, record_text
from .schema import CURVE, SCHEMA_VERSION, with_digest
from .vouching import KEPT, Seal, check_files, read_seal, write_seal


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
        self.curve = self.path / CURVE
        self.kernel: int | None = None  # see `Seal`; known when the run's steps are
        self._curve_file = CurveFile(self.curve, config.eval_steps)
        self._kept: dict[str, str] = {}

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
                        raise self._locked_by(file) from None
                time.sleep(0.1)
            with naming(self.path / ".lock"):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}")
                file.flush()
            yield

    def check_free(self) -> None:
        """Checks at once that the folder can be written now, and changes nothing.

        Raises:
            RunLocked: Another process holds it, and says which.
        """
        with contextlib.suppress(FileNotFoundError), open(self.path / ".lock", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._locked_by(file) from None

    def _locked_by(self, file: IO[str]) -> RunLocked:
        file.seek(0)
        return RunLocked(f"{self.path} is being written by {file.read() or 'another process'}: wait, or stop it.")

    def done(self) -> bool:
        """Whether the run has its record.

        Raises:
            Damaged: There is one, but it or a file that it vouches for is not whole.
        """
        try:
            record = read_record(self.path)
        except FileNotFoundError:
            return False
        if record["run_id"] != self.config.run_id:
            raise Damaged(f"{self.record} belongs to run {record['run_id']}.")
        check_files(self.path, record["files"])
        return True

    def begin(self, session: dict[str, Any]) -> list[dict[str, Any]]:
        """Writes the config, deletes an earlier failure and notes the session; gives all sessions so far."""
        write_atomically(
            self.path / "config.yaml", yaml.safe_dump(self.config.to_dict(), sort_keys=False, allow_unicode=True)
        )
        self.failure.unlink(missing_ok=True)
        path = self.path / "sessions.jsonl"
        # A run that goes on had a session before, whether or not it can still be read when.
        earlier = _sessions(path) or ([session | {"resumed_from": 0}] if session["resumed_from"] else [])
        sessions = [*earlier, session]
        write_atomically(path, "".join(json.dumps(one) + "\n" for one in sessions))
        return sessions

    def clear(self) -> None:
        """Deletes everything but the lock."""
        self._curve_file.forget()
        self._kept = {}
        for path in self.path.iterdir():
            if path.name != ".lock":
                _remove(path)

    # Checkpoints: the Trainer writes them file by file; a manifest, written last, makes one whole.

    def keep_weights(self, step: int, save: Callable[[Path], None]) -> None:
        """Keeps the weights of a step, which `save` writes into a folder: as a whole or not at all."""
        partial, kept = self.path / f".step-{step}", self.path / f"step-{step}"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(kept, ignore_errors=True)
        save(partial)
        partial.rename(kept)
        self._kept |= _digests(kept)

    def seal_checkpoint(self, step: int) -> None:
        """Declares the checkpoint of `step` whole, vouches for what the run has come to, and deletes older ones.

        The one before is not kept: what makes a sealed checkpoint unreadable, another version of torch say, would make
        that one unreadable too, and a run that starts again costs less than twice the disk for all of them.
        """
        checkpoint = self.path / f"checkpoint-{step}"
        write_seal(checkpoint, self._curve_file.digest(step), self._kept_until(step), self.kernel)
        for other in self.path.glob("checkpoint-*"):
            if other != checkpoint:
                shutil.rmtree(other)

    def last_checkpoint(self) -> tuple[Path, int] | None:
        """The newest whole checkpoint and its step; half-written and damaged ones are deleted."""
        whole = []
        for checkpoint in self.path.glob("checkpoint-*"):
            step = checkpoint.name.removeprefix("checkpoint-")
            if step.isdecimal() and read_seal(checkpoint):
                whole.append((int(step), checkpoint))
            else:
                logger.warning("%s was not written to its end or is damaged: it is deleted.", checkpoint)
                _remove(checkpoint)
        if not whole:
            return None
        step, checkpoint = max(whole)
        return checkpoint, step

    def go_on_from(self, checkpoint: Path, step: int) -> list[dict[str, Any]]:
        """Makes the folder what it was at a checkpoint. Gives the rows of the learning curve until then.

        Raises:
            Damaged: The curve up to there, or weights kept until then, are not what the checkpoint vouches for.
            ValueError: It was begun by a version of the kernel that has other last digits.
        """
        seal = read_seal(checkpoint) or Seal({}, None, {}, self.kernel)
        if self.kernel and seal.kernel and seal.kernel != self.kernel:
            raise ValueError(
                f"{self.path} was begun by version {seal.kernel} of the kernel, and this is version {self.kernel}, "
                "whose last digits differ: delete that folder to start the run again, or finish it with the commit "
                "that began it."
            )
        check_files(self.path, seal.kept, "the last checkpoint")
        self._kept = dict(seal.kept)
        return self.cut_curve(step, seal.curve)

    def remove_checkpoint(self, checkpoint: Path) -> None:
        """Deletes one that the run cannot go on from."""
        _remove(checkpoint)

    def remove_checkpoints(self) -> None:
        """Deletes the checkpoints to resume from: the run is done."""
        for checkpoint in self.path.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)

    # The learning curve

    def cut_curve(self, step: int, digest: str | None = None) -> list[dict[str, Any]]:
        """Keeps the learning curve's regular rows up to `step` (see `CurveFile.cut`)."""
        return self._curve_file.cut(step, digest)

    def append_to_curve(self, row: dict[str, Any]) -> None:
        """Adds the row of one evaluation."""
        self._curve_file.append(row)

    def _kept_until(self, step: int) -> dict[str, str]:
        """Digests of the weights kept up to `step`; of an earlier version's, as they are now."""
        known = {name.partition("/")[0] for name in self._kept}
        for folder in self.path.glob("step-*"):
            is_due = KEPT.fullmatch(folder.name) and int(folder.name.removeprefix("step-")) <= step
            if is_due and folder.name not in known:
                self._kept |= _digests(folder)
        return dict(sorted(self._kept.items()))

    # The end

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes the result, whole: the run is done."""
        self.failure.unlink(missing_ok=True)  # of a try whose process died
        written_later = {"sessions.jsonl", "record.json"}
        paths = [path for path in sorted(self.path.iterdir()) if path.is_file() and not path.name.startswith(".")]
        files = {path.name: sha256(path) for path in paths if path.name not in written_later}
        files[CURVE] = self._curve_file.digest()
        whole = (
            {"schema_version": SCHEMA_VERSION} | record | {"files": files | self._kept_until(record["last"]["step"])}
        )
        write_atomically(self.record, record_text(with_digest(whole)))

    def write_failure(self, cause: str, traceback: str) -> None:
        """Writes why the run failed; the same command tries again.

        Raises:
            OSError: There is no room for that either.
        """
        content = {"cause": hide_secrets(cause), "traceback": hide_secrets(traceback)}
        self.path.mkdir(parents=True, exist_ok=True)  # its process may have died before it made one
        write_atomically(self.failure, json.dumps(content, indent=1) + "\n")


def _sessions(path: Path) -> list[dict[str, Any]]:
    """The sessions so far. They only say when: what of them is damaged is left out, and fails no run."""
    try:
        found = (
            [json.loads(line) for line in read_text(path, MOST_BYTES_OF_JSON).splitlines()] if path.exists() else []
        )
        sound = all(
            isinstance(one["started"], str) and type(one["resumed_from"]) is int and one["resumed_from"] >= 0
            for one in found
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        sound = False
    if not sound:
        logger.warning("%s cannot be read: the sessions before this one are not in the record.", path)
    return found if sound else []


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


def _digests(kept: Path) -> dict[str, str]:
    return {f"{kept.name}/{path.name}": sha256(path) for path in sorted(kept.iterdir())}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
