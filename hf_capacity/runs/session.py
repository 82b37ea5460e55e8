"""One process's work on a run: from the lock on its folder to its record, or to why it failed."""

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import TrainingArguments

from ..boundary.disk_faults import with_file_named
from ..boundary.writing import Damaged
from ..config.experiment import ExperimentConfig
from ..data.task import Task
from .claim import claim_folder
from .folder import RunFolder
from .provenance import describe_surroundings, now
from .records import read_record
from .resumption import find_checkpoint


logger = logging.getLogger(__name__)

# Called now and then with the step, and with the newest row of the learning curve where there is one.
Progress = Callable[[int, dict[str, Any] | None], None]


class Session:
    """A run as one of its processes works on it; the first process alone writes.

    Args:
        folder: The run's.
        study: Whose run it is.
        args: How it is trained: device and processes.
        progress: Called as training goes on.
    """

    def __init__(self, folder: RunFolder, study: str, args: TrainingArguments, progress: Progress):
        self.folder, self.study, self.args, self.progress = folder, study, args, progress
        self.is_writer = args.process_index == 0
        self.began = time.monotonic()
        self.record: dict[str, Any] | None = None
        self.checkpoint: Path | None = None
        self.curve: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []

    def resume(self, task: Task, model: torch.nn.Module, kernel: int | None) -> None:
        """Finds the checkpoint to resume from, if any, and the learning curve up to it.

        Args:
            task: What the run trains on.
            model: Its model, as it is at the start.
            kernel: Version of the kernel, where versions differ in the last digits of this run.

        Raises:
            ValueError: The run was begun by another version.
        """
        self.folder.kernel = kernel
        found = find_checkpoint(self.folder, task, model) if self.is_writer else None
        [(self.checkpoint, step, self.curve)] = broadcast_object_list([found])
        self.args.eval_on_start = self.checkpoint is None
        if self.is_writer:
            self.sessions = self.folder.begin({"started": now(), "resumed_from": step})

    def add(self, row: dict[str, Any]) -> dict[str, float]:
        """Adds an evaluation to the learning curve. Gives its numbers, for the tracker."""
        self.curve.append(row)
        if self.is_writer:
            self.folder.append_to_curve(row)
        self.progress(row["step"], row)
        return {name: value for name, value in row.items() if isinstance(value, float)}

    def finish(
        self, findings: dict[str, Any], provenance: dict[str, Any], save: Callable[[Path], None]
    ) -> dict[str, Any]:
        """Writes the model and, last, the record. Gives the record.

        Args:
            findings: What the run has found.
            provenance: How its steps were done.
            save: Writes the model into a folder.
        """
        config = self.folder.config
        self.record = {
            "run_id": config.run_id,
            "study": self.study,
            "config": config.to_dict(),
            **findings,
            "provenance": {
                "started": self.sessions[0]["started"] if self.sessions else None,
                "finished": now(),
                "seconds": round(time.monotonic() - self.began, 1),
                "resumed_from": [session["resumed_from"] for session in self.sessions[1:]],
                **describe_surroundings(self.args.device, self.args.world_size),
                **provenance,
            },
        }
        if self.is_writer:
            save(self.folder.path)
            self.folder.write_record(self.record)
            self.folder.remove_checkpoints()
        return self.record


@contextlib.contextmanager
def open_run(
    output: Path, config: ExperimentConfig, study: str, args: TrainingArguments, progress: Progress
) -> Iterator[Session]:
    """Makes this command the one that works on a run; `record` is there at once if the run is done.

    What goes wrong inside is written into the run's folder, with the file that could not be written.

    Args:
        output: The study's folder.
        config: The run.
        study: Whose run it is.
        args: As made by `training_arguments`.
        progress: Called as training goes on.

    Raises:
        ValueError: The batch cannot be shared among the processes, or `output` belongs to another study.
        RunLocked: Another process is writing this run.
    """
    if config.batch_size % args.world_size:
        raise ValueError(
            f"`batch_size` (={config.batch_size}) must be divisible by the number of processes (={args.world_size})."
        )
    session = Session(RunFolder(output, config), study, args, progress)
    if session.is_writer:
        claim_folder(output, study)
    with session.folder.lock() if session.is_writer else contextlib.nullcontext():
        try:
            [session.record] = broadcast_object_list([_finished(session.folder) if session.is_writer else None])
            yield session
        except Exception as error:
            error = with_file_named(error, session.folder.path)
            if session.is_writer and not session.folder.record.exists():  # else it is the publishing that failed
                with contextlib.suppress(OSError):  # what is said of a full disk is which file met it first
                    session.folder.write_failure(f"{type(error).__name__}: {error}", traceback.format_exc())
            raise error


def _finished(folder: RunFolder) -> dict[str, Any] | None:
    try:
        return read_record(folder.path) if folder.done() else None
    except Damaged as damage:
        logger.warning("%s The run is done again.", damage)
        folder.clear()
        return None
