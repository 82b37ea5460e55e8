"""The Ray engine: each run a task on a node of a cluster that has room for it, tried again when its node dies."""

import contextlib
import dataclasses
import os
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..config.experiment import ExperimentConfig
from ..runs.claim import claim_folder
from ..runs.folder import RunFolder, RunLocked
from .display import Display
from .local import SECONDS_BETWEEN_TRIES, num_cores
from .ray_checks import SECONDS_TO_CONNECT, check_resources, checked_address
from .worker import Destination, do_run


if TYPE_CHECKING:
    from ray.util.queue import Queue

# How often a run is tried again whose worker or node has died.
RETRIES = 10
SECONDS_BETWEEN_NEWS = 0.2
# Read by Ray when it is imported: it would print the log of a dead node, tracebacks, and colours into files.
QUIET = {
    "RAY_DEDUP_LOGS_SKIP_REGEX": "Raylet is terminated|Task do_task|A worker died",
    "RAY_COLOR_PREFIX": "0",
}
# Likewise: it would look for a cluster that is not there for minutes.
PATIENCE = {
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_gcs_rpc_server_connect_timeout_s": "1",
    "RAY_gcs_server_request_timeout_seconds": "20",
    "RAY_py_gcs_connect_timeout_s": "5",
}


def run_ray(
    runs: Sequence[ExperimentConfig],
    destination: Destination,
    *,
    address: str | None,
    num_cpus: float,
    num_gpus: float,
    verbosity: int = 0,
) -> dict[str, str]:
    """Does the runs on a Ray cluster, as many at once as its nodes have room for.

    A run whose worker or node dies is tried again, elsewhere if need be, and goes on from its last checkpoint. One
    that another process writes, perhaps of a node that Ray has lost sight of, is waited for: it comes last, again and
    again, and is found finished once that process has done it.

    Args:
        runs: What is to be done, in this order as room comes free.
        destination: Where their results go: a folder that every node mounts, a tracker that every node has.
        address: `auto` or HOST:PORT of a cluster that this machine is a node of; None starts Ray on this machine
            alone, for as long as the runs take.
        num_cpus: What of a node a run takes.
        num_gpus: Likewise; a fraction lets several runs share one.
        verbosity: As in `Display`.

    Returns:
        Of each run that failed, its id and the cause.

    Raises:
        ValueError: Ray is not installed, there is no cluster at the address, or no node of it has what a run takes.
    """
    if not runs:
        return {}
    destination = dataclasses.replace(destination, output=destination.output.absolute())
    cluster = _started() if address is None else _connected(address)
    with _signals_held() as signals, cluster as ray, Display(runs, verbosity) as display:
        check_resources(ray.nodes(), num_cpus, num_gpus)
        claim_folder(destination.output, destination.study)
        news = _news_on_this_node(ray)
        do = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=RETRIES)(do_task)

        def submit(run: ExperimentConfig, pause: float = 0) -> Any:
            return do.options(name=run.run_id).remote(run, destination, news, pause)

        tasks = {submit(run): RunFolder(destination.output, run) for run in runs}
        try:
            return _follow(ray, tasks, submit, news=news, display=display, signals=signals)
        except ray.exceptions.RayError as error:
            raise ConnectionError(f"Ray is gone from this machine: {_in_a_line(error)}") from None


def _follow(
    ray: ModuleType,
    tasks: dict[Any, RunFolder],
    submit: Callable[[ExperimentConfig, float], Any],
    *,
    news: "Queue",
    display: Display,
    signals: list[int],
) -> dict[str, str]:
    """Shows how the runs go until all have ended, or a signal came. Gives the causes of those that failed."""
    failures, begun = {}, set()
    while tasks and not signals:
        ended, _ = ray.wait(list(tasks), timeout=SECONDS_BETWEEN_NEWS)
        for run_id, kind, content in news.get_nowait_batch(news.qsize()):
            if kind == "progress":
                display.progress(run_id, *content)
            elif kind == "log":
                display.log(f"{run_id}: {content}")
            else:
                assert kind == "begun"
                if run_id in begun:
                    display.log(f"{run_id}: is tried again, on {content}")
                begun.add(run_id)
        for task in ended:
            folder = tasks.pop(task)
            try:
                cause = _cause_of_failure(ray, task, folder)
            except RunLocked as lock:
                display.waits(folder.config.run_id, _in_a_line(lock))
                begun.add(folder.config.run_id)
                tasks[submit(folder.config, SECONDS_BETWEEN_TRIES)] = folder
                continue
            if cause:
                failures[folder.config.run_id] = cause
                display.failed(folder.config.run_id, cause)
            else:
                display.done(folder.config.run_id)
    return failures


def _cause_of_failure(ray: ModuleType, task: Any, folder: RunFolder) -> str | None:
    """What an ended task gave, or why Ray gave it up.

    Raises:
        RunLocked: Another process writes the run.
    """
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:  # this package is not there on the node, say
        if isinstance(error, RunLocked):
            raise RunLocked(str(error.cause)) from None
        return str(error).strip().splitlines()[-1]
    except ray.exceptions.RayError as error:
        cause = f"Ray gave it up: {_in_a_line(error)}"
        with contextlib.suppress(OSError):  # a full disk must not stop the other runs
            folder.write_failure(cause, str(error))
        return cause


def do_task(run: ExperimentConfig, destination: Destination, news: "Queue", pause: float = 0) -> str | None:
    """What a worker does, on whatever node it is: one run, after a pause. Gives the cause if it failed.

    Raises:
        RunLocked: Another process writes this run: to be tried again.
    """
    import ray

    time.sleep(pause)
    RunFolder(destination.output, run).check_free()
    sent = []

    def send(kind: str, content: Any) -> None:
        # Not waited for: while a worker waits, Ray gives its CPU to another run.
        sent[:] = [news.actor.put.remote((run.run_id, kind, content))]

    host = socket.gethostname()
    send("begun", host)
    try:
        if not (destination.output / "study.yaml").exists():
            raise FileNotFoundError(
                f"{destination.output} is not there on {host}: `--output` must be a path that every node mounts."
            )
        do_run(run, destination, send)
    except RunLocked:
        raise
    except Exception as error:  # whatever it is, it is reported, and must not be tried again
        return f"{type(error).__name__}: {error}"
    finally:
        ray.wait(sent, timeout=SECONDS_TO_CONNECT)  # what was sent arrives before the end does
    return None


@contextlib.contextmanager
def _connected(address: str) -> Iterator[ModuleType]:
    """Ray, connected to the cluster at the address."""
    for name, seconds in PATIENCE.items():
        os.environ.setdefault(name, seconds)
    ray = _imported()
    address = checked_address(address)
    complaint = f"no way into a Ray cluster at `--address` {address}, one of whose nodes this machine must be"
    with _session(ray, complaint, address=address):
        yield ray


@contextlib.contextmanager
def _started() -> Iterator[ModuleType]:
    """Ray, started on this machine alone, and ended afterwards."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray would leave a key in the home folder.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray = _imported()
    # Not where temporary files are by default: sockets lie in it, whose paths may have some hundred characters.
    where = os.environ.get("RAY_TMPDIR", "/tmp")
    with tempfile.TemporaryDirectory(prefix="ray-", dir=where, ignore_cleanup_errors=True) as folder:
        arguments = {
            "address": "local",
            "num_cpus": num_cores(),
            "object_store_memory": 80 * 2**20,
            "include_dashboard": False,
            "_temp_dir": folder,
        }
        with _session(ray, "Ray cannot be started on this machine", **arguments):
            yield ray


def _imported() -> ModuleType:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise ValueError(
            "`--engine ray` needs Ray, which is not installed: pip install 'hf-capacity[ray]', or go without --engine."
        ) from None
    return ray


@contextlib.contextmanager
def _session(ray: ModuleType, complaint: str, **arguments: Any) -> Iterator[None]:
    # In a thread, since Ray takes SIGTERM to itself in the main one. What Ray starts ends with the thread.
    with ThreadPoolExecutor(1) as thread:
        try:
            try:
                thread.submit(ray.init, **arguments, logging_level="ERROR", log_to_driver=False).result()
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                # A cause is a traceback in words, whose last line counts.
                words = str(error.__cause__).strip().split("\n")[-1] if error.__cause__ else str(error)
                raise ValueError(f"{complaint}: {' '.join(words.split())}") from None
            # Beneath Python's handler Ray has put one that prints addresses, and sets an alarm that aborts us.
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
            signal.alarm(0)
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _signals_held() -> Iterator[list[int]]:
    """Holds SIGINT and SIGTERM back until the end, and gives those that came."""
    # What a handler raises in the midst of Ray crashes it, or loses its exit code.
    came = []

    def note(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > 1:  # meant at once
            raise KeyboardInterrupt

    handlers = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _news_on_this_node(ray: ModuleType) -> "Queue":
    """Where runs report how they go: here, so that the death of another node does not take it along."""
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return Queue(
        actor_options={"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    )


def _in_a_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
