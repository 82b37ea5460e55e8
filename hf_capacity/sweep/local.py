"""The local engine: a process a core, one torch thread each, and a display of how far each run is."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from ..boundary.shown import hide_secrets, keep_secrets_out_of_logs
from ..config.experiment import ExperimentConfig
from ..runs.folder import RunFolder, RunLocked
from .display import Display


# How long a worker may take to go before it is killed.
SECONDS_TO_END = 3
# A pause before a run is tried again that another process writes.
SECONDS_BETWEEN_TRIES = 1


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(runs: Sequence[ExperimentConfig], output: Path, study: str, num_workers: int) -> dict[str, str]:
    """Does the runs, in the order given, as cores come free.

    A run that another process writes comes last, again and again: it is done here once that process has died or was
    stopped, and found finished once it has done it.

    Args:
        runs: What is to be done.
        output: The study's folder.
        study: Its name.
        num_workers: Processes at work at once.

    Returns:
        Of each run that failed, its id and the cause.
    """
    with Display(runs) as display:
        pool = Pool(runs, output, study, display)
        try:
            pool.hire(num_workers)
            while pool.is_busy:
                pool.hand_out()
                pool.listen()
        finally:
            pool.end()
    return pool.failures


class Pool:
    """The worker processes, the runs that wait for one, and the runs that failed with their causes."""

    def __init__(self, runs: Sequence[ExperimentConfig], output: Path, study: str, display: Display):
        self.output, self.study, self.display = output, study, display
        self.pending, self.locked, self.failures = deque(runs), set(), {}
        self.workers: list[Worker] = []

    def hire(self, number: int) -> None:
        """Starts processes, and never more than there are runs for."""
        self.workers += [Worker(self.output, self.study) for _ in range(min(number, len(self.pending)))]

    @property
    def is_busy(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self.pending) or any(worker.run for worker in self.workers)

    def hand_out(self) -> None:
        """Gives every idle worker a run."""
        for worker in self.workers:
            if worker.run is None and self.pending:
                run = self.pending.popleft()
                worker.start(run, SECONDS_BETWEEN_TRIES if run.run_id in self.locked else 0)

    def listen(self) -> None:
        """Waits for news, and acts on it."""
        ready = wait([worker.line for worker in self.workers])
        for worker in [worker for worker in self.workers if worker.line in ready]:
            kind, content = worker.news()
            run_id = worker.run.run_id if worker.run else ""
            if kind == "progress":
                self.display.progress(run_id, *content)
            elif kind == "log":
                self.display.log(f"{run_id}: {content}")
            elif kind == "died":
                self._bury(worker, content)
            else:
                self._take_back(worker, kind, content)

    def end(self) -> None:
        """Ends every worker, those too that do not go by themselves."""
        for worker in self.workers:
            worker.end()
        for worker in self.workers:
            worker.process.join(SECONDS_TO_END)
            worker.process.kill()

    def _take_back(self, worker: "Worker", kind: str, content: Any) -> None:
        run, worker.run = worker.run, None
        if kind == "done":
            self.display.done(run.run_id)
        elif kind == "failed":
            self._fail(run, content)
        else:
            assert kind == "locked"
            self.display.waits(run.run_id, content)
            self.locked.add(run.run_id)
            self.pending.append(run)

    def _bury(self, worker: "Worker", cause: str) -> None:
        self.workers.remove(worker)
        if worker.run:
            with contextlib.suppress(OSError):  # a full disk must not stop the other runs
                RunFolder(self.output, worker.run).write_failure(cause, "")
            self._fail(worker.run, cause)
        if self.pending:
            self.hire(1)

    def _fail(self, run: ExperimentConfig, cause: str) -> None:
        self.failures[run.run_id] = cause
        self.display.failed(run.run_id, cause)


class Worker:
    """A process that does one run after another, and our end of the line to it."""

    def __init__(self, output: Path, study: str):
        context = _start_context()
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=worker_main, args=(theirs, output, study), daemon=True)
        self.process.start()
        theirs.close()
        self.run: ExperimentConfig | None = None

    def start(self, run: ExperimentConfig, pause: float) -> None:
        """Hands it a run, to be begun after a pause."""
        self.run = run
        with contextlib.suppress(BrokenPipeError):  # it died: `news` says so
            self.line.send((run, pause))

    def end(self) -> None:
        """Asks an idle worker to go, and stops one in mid-run: its last checkpoint is what it can go on from."""
        if self.run:
            self.process.terminate()
        self.line.close()

    def news(self) -> tuple[str, Any]:
        """What it has to say: progress, log, done, failed, locked, or that it died."""
        try:
            return self.line.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            return "died", f"its process {how}"


def _start_context() -> BaseContext:
    """How workers start: forked from a server that has loaded torch once for all of them."""
    if sys.platform != "linux":  # elsewhere not all that torch links survives a fork
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hf_capacity.sweep.one_thread", "hf_capacity.experiment"])
    return context


def worker_main(line: Connection, output: Path, study: str) -> None:
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
            RunFolder(output, run).check_free()
            do_run(run, output, study, send)
        except RunLocked as error:
            send("locked", str(error))
        except Exception as error:  # whatever it is, it is reported, and must not stop the other runs
            send("failed", hide_secrets(f"{type(error).__name__}: {error}"))
        else:
            send("done", None)


def do_run(run: ExperimentConfig, output: Path, study: str, send: Callable[[str, Any], None]) -> None:
    """Does one run in this process, a worker of whatever engine, with one torch thread.

    Args:
        run: What is to be done.
        output: The study's folder.
        study: Its name.
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

    run_experiment(run, output, study=study, progress=progress)


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
