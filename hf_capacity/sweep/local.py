"""The local engine: a process a core, one torch thread each, and a display of how far each run is."""

import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import Any

from ..config.experiment import ExperimentConfig
from ..runs.folder import RunFolder
from .display import Display
from .worker import Destination, worker_main


# How long a worker may take to go before it is killed.
SECONDS_TO_END = 3
# A pause before a run is tried again that another process writes.
SECONDS_BETWEEN_TRIES = 1


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(
    runs: Sequence[ExperimentConfig], destination: Destination, num_workers: int, verbosity: int = 0
) -> dict[str, str]:
    """Does the runs, in the order given, as cores come free.

    A run that another process writes comes last, again and again: it is done here once that process has died or was
    stopped, and found finished once it has done it.

    Args:
        runs: What is to be done.
        destination: Where their results go.
        num_workers: Processes at work at once.
        verbosity: As in `Display`.

    Returns:
        Of each run that failed, its id and the cause.
    """
    with Display(runs, verbosity) as display:
        pool = Pool(runs, destination, display)
        try:
            pool.hire(num_workers)
            while pool.is_busy:
                pool.hand_out()
                pool.listen()
        finally:
            pool.end()
    return pool.failures


class Pool:
    """The worker processes, the runs that wait for one, and the runs that failed with their causes.

    Args:
        runs: What is to be done.
        destination: Where their results go.
        display: Shows how it goes.
    """

    def __init__(self, runs: Sequence[ExperimentConfig], destination: Destination, display: Display):
        self.display, self.destination = display, destination
        self.pending, self.locked, self.failures = deque(runs), set(), {}
        self.workers: list[Worker] = []

    def hire(self, number: int) -> None:
        """Starts processes, and never more than there are runs for."""
        self.workers += [Worker(self.destination) for _ in range(min(number, len(self.pending)))]

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
                RunFolder(self.destination.output, worker.run).write_failure(cause, "")
            self._fail(worker.run, cause)
        if self.pending:
            self.hire(1)

    def _fail(self, run: ExperimentConfig, cause: str) -> None:
        self.failures[run.run_id] = cause
        self.display.failed(run.run_id, cause)


class Worker:
    """A process that does one run after another, and our end of the line to it."""

    def __init__(self, destination: Destination):
        context = _start_context()
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=worker_main, args=(theirs, destination), daemon=True)
        with _unnamed_script():
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


@contextlib.contextmanager
def _unnamed_script() -> Iterator[None]:
    """Keeps a new process from importing the script that called us, which would call us there again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
