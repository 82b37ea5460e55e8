"""What a process of whatever engine does: one run after another, with one torch thread, and news of how they go."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..boundary.shown import hide_secrets, keep_secrets_out_of_logs
from ..config.experiment import ExperimentConfig
from ..runs.folder import RunFolder, RunLocked
from ..runs.tracking import Tracking
from .display import Display


@dataclass(frozen=True)
class Destination:
    """Where the results of a command's runs go: the study's folder, under its name, and to a tracker."""

    output: Path
    study: str
    tracking: Tracking = field(default_factory=Tracking)


def worker_main(line: Connection, destination: Destination) -> None:
    """What a worker process does: run after run, until nobody is at the other end."""
    # Ctrl-C reaches every process of the terminal: the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(kind: str, content: Any) -> None:
        try:
            line.send((kind, content))
        except BrokenPipeError:  # nobody is at the other end: stopped, not failed
            os._exit(1)

    while True:
        try:
            run, pause = line.recv()
        except EOFError:
            return
        time.sleep(pause)
        try:
            RunFolder(destination.output, run).check_free()
            do_run(run, destination, send)
        except RunLocked as error:
            send("locked", str(error))
        except Exception as error:  # whatever it is, it is reported, and must not stop the other runs
            send("failed", hide_secrets(f"{type(error).__name__}: {error}"))
        else:
            send("done", None)


def do_run(run: ExperimentConfig, destination: Destination, send: Callable[[str, Any], None]) -> None:
    """Does one run in this process, a worker of whatever engine, with one torch thread.

    Args:
        run: What is to be done.
        destination: Where its results go.
        send: Called with "progress" and what `Display.progress` takes, and with "log" and a line.
    """
    from . import one_thread  # noqa: F401

    keep_secrets_out_of_logs()
    logging.getLogger("hf_capacity").handlers = [LineHandler(send)]
    logging.getLogger("hf_capacity").propagate = False

    import torch
    import transformers

    from ..experiment import run_experiment

    torch.set_num_threads(1)
    # It would warn of the tied head, which no checkpoint holds twice.
    transformers.utils.logging.set_verbosity_error()

    def progress(step: int, row: dict[str, Any] | None) -> None:
        send("progress", (step, row and {name: row[name] for name in Display.SHOWN}))

    run_experiment(
        run,
        destination.output,
        study=destination.study,
        progress=progress,
        report_to=destination.tracking.report_to,
        project=destination.tracking.project,
    )


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


class LineHandler(logging.Handler):
    """Sends log messages to the parent, whose display they must not tear."""

    def __init__(self, send: Callable[[str, Any], None]):
        super().__init__()
        self.send = send

    def emit(self, record: logging.LogRecord) -> None:
        self.send("log", hide_secrets(record.getMessage()))
