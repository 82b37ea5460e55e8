"""A real Ray cluster on this machine: the same records as by the local engine, whatever dies; refusals in a line."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from support.survivors import HF_CAPACITY, assert_same, processes_with, wait_for

from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.folder import LOCK_PATIENCE, RunFolder
from hf_capacity.runs.records import read_records
from hf_capacity.sweep import ray_pool
from hf_capacity.sweep.worker import Destination


# `quick`, shortened; the second learning rate fails.
STUDY = """
settings: {eval_steps: 10, save_steps: 10, steps: 30, max_grad_norm: 1.0e+30}
grid:
  cell:
    - {task: arithmetic, block_size: 9, batch_size: 128, model: n14, learning_rate: 1.0e-2}
    - {task: both, block_size: 24, batch_size: 64, model: n28, learning_rate: 1.0e-2}
    - {task: arithmetic, block_size: 9, batch_size: 128, model: n14, learning_rate: 1.0e+30}
"""
LONG_STUDY = """
settings: {eval_steps: 500, save_steps: 20, steps: 6000, block_size: 9, batch_size: 8}
grid: {model: [n14], task: [arithmetic], model_seed: [1, 2, 3]}
"""


@pytest.fixture
def environment(monkeypatch):
    """What Ray leaves behind lies in a folder with a short name, as its sockets need."""
    with tempfile.TemporaryDirectory(prefix="ray-tests-") as folder:
        (Path(folder) / "ray").mkdir()
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        yield Path(folder)


def workers(parent):
    """The processes that do runs, and which: Ray names them so."""
    found = {}
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.Error, IndexError):
            name = child.cmdline()[0]
            if name.startswith("ray::arithmetic-"):
                found[child] = name.removeprefix("ray::")
    return found


class Nodes:
    """A cluster of nodes with loopback addresses of their own; the first has one CPU, and is the command's."""

    def __init__(self):
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.first = self.add(node_ip_address="127.0.0.2", num_cpus=1, num_gpus=1, include_dashboard=False)

    def add(self, **settings):
        return self.cluster.add_node(**settings, object_store_memory=80 * 2**20)

    def workers(self, node):
        [raylet] = node.all_processes["raylet"]
        return workers(psutil.Process(raylet.process.pid))


@pytest.fixture
def nodes(environment):
    before = set(psutil.Process().children(recursive=True))  # what an earlier test left, such as a server of forks
    nodes = Nodes()
    yield nodes
    ours = set(psutil.Process().children(recursive=True)) - before
    nodes.cluster.shutdown()
    _, still_there = psutil.wait_procs(ours, timeout=60)
    assert not still_there


@pytest.fixture
def start(begin):
    return lambda *words: begin("run", *words, "--engine", "ray", start_new_session=True)


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path, read_study(str(path)).runs()


def steps_done(output, run="*"):
    return sum(int(path.parent.name.split("-")[-1]) for path in output.glob(f"{run}/checkpoint-*/manifest.json"))


def assert_as_by_the_local_engine(output, runs, tmp_path):
    for run in runs:
        run_experiment(run, tmp_path / "local", study="s")
        assert_same(output / run.run_id, tmp_path / "local" / run.run_id)
    assert len(read_records(output)) == len(runs)


@pytest.mark.processes  # a cluster, and the local engine
def test_a_study_on_a_cluster_gives_the_records_of_the_local_engine(nodes, start, tmp_path):
    study, runs = write(tmp_path / "s.yaml", STUDY)
    [bad] = [run for run in runs if run.learning_rate == 1e30]
    output = tmp_path / "out"
    assert start(study, "--output", output, "--address", nodes.cluster.address).wait(timeout=300) == 1
    told = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert f"1 of 3 runs failed; the same command tries them again:\n  {bad.run_id}: FloatingPointError: the" in told
    assert "step 30/30" in told
    assert "Traceback" not in told
    assert "in train" in json.loads((output / bad.run_id / "failure.json").read_text(encoding="utf-8"))["traceback"]
    assert_as_by_the_local_engine(output, [run for run in runs if run != bad], tmp_path)
    assert {record["provenance"]["num_threads"] for record in read_records(output)} == {1}


@pytest.mark.processes  # a cluster, and Ray started by a command
def test_what_no_node_has_is_refused_and_ray_on_this_machine_leaves_nothing(environment, start, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    study, _ = write(tmp_path / "s.yaml", STUDY + "resources: {num_cpus: 1000, num_gpus: 0.25}")
    assert start(study, "--output", tmp_path / "out").wait(timeout=120) == 2
    told = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert "Error: no node has the 1000 CPUs and 0.25 GPUs that a run of this study takes: " in told
    assert f"{socket.gethostname()} has " in told
    assert "Traceback" not in told
    assert [path.name for path in environment.iterdir()] == ["ray"]
    assert not [*(environment / "ray").iterdir(), *home.iterdir()]


@pytest.fixture
def call(call, tmp_path, monkeypatch, environment):
    """For what is refused before there is a cluster."""
    write(tmp_path / "s.yaml", STUDY)
    for name, value in (ray_pool.QUIET | ray_pool.PATIENCE).items():
        monkeypatch.setenv(name, value)
    return lambda *words: call("run", "s.yaml", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "ray", "--address", "ray://head:10001"], "run the command on a node of the cluster"),
        (["--engine", "ray", "--address", "head"], "`--address` (=head) must be `auto` or HOST:PORT"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "no Ray cluster answers at `--address` 127.0.0.1:1 ("),
        (["--engine", "ray", "--address", "127.0.0.1:99999"], "no Ray cluster answers at `--address` 127.0.0.1:99999"),
        (["--engine", "ray", "--workers", "2"], "`--workers` (=2) goes with `--engine local`"),
        (["--address", "auto"], "`--address` (=auto) goes with `--engine ray`"),
        (["--output", "s3://bucket/runs"], "object stores are out of scope, name a path that every node mounts"),
        (["--engine", "ray", "--output", "gs://bucket"], "object stores are out of scope"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(call, words, message):
    result = call(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_auto_takes_the_address_of_the_environment(call, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    result = call("--engine", "ray", "--address", "auto")
    assert result.exit_code == 2
    assert "no Ray cluster answers at `--address` 127.0.0.1:1 (" in result.stderr


def test_without_ray_it_says_how_to_get_it(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = call("--engine", "ray")
    assert result.exit_code == 2
    assert "pip install 'hf-capacity[ray]'" in result.stderr


def test_a_node_that_does_not_mount_the_output_says_so(monkeypatch, tmp_path):
    import ray

    told = []
    monkeypatch.setattr(ray, "wait", lambda references, timeout: None)
    news = SimpleNamespace(actor=SimpleNamespace(put=SimpleNamespace(remote=told.append)))
    [run, *_] = write(tmp_path / "s.yaml", STUDY)[1]
    cause = ray_pool.do_task(run, Destination(tmp_path / "elsewhere", "s"), news)
    assert cause.startswith(f"FileNotFoundError: {tmp_path}/elsewhere is not there on ")
    assert not (tmp_path / "elsewhere").exists()
    assert told == [(run.run_id, "begun", socket.gethostname())]


@pytest.mark.slow  # thousands of steps, and Ray takes a while to miss a node
def test_a_node_killed_in_the_middle_of_its_run_costs_nothing_but_time(nodes, start, tmp_path):
    study, runs = write(tmp_path / "s.yaml", LONG_STUDY + "resources: {num_gpus: 0.25}")
    output, second = tmp_path / "out", nodes.add(node_ip_address="127.0.0.3", num_cpus=2, num_gpus=1)
    command = start(study, "--output", output, "--address", nodes.cluster.address)
    wait_for(lambda: len(nodes.workers(second)) == 2, seconds=300)
    lost = nodes.workers(second)
    wait_for(lambda: all(steps_done(output, run) > 80 for run in lost.values()), seconds=300)
    nodes.cluster.remove_node(second, allow_graceful=False)
    assert command.wait(timeout=600) == 0
    assert not any(worker.is_running() for worker in lost)
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").count("is tried again, on ") == len(lost)
    for record in read_records(output):
        resumed_from = record["provenance"]["resumed_from"]
        assert len(resumed_from) == (record["run_id"] in lost.values())
        assert all(step > 80 for step in resumed_from)
    local = [*HF_CAPACITY, "run", str(study), "--output", str(tmp_path / "local")]
    subprocess.run(local, check=True, capture_output=True)
    assert_as_by_the_local_engine(output, runs, tmp_path)


@pytest.mark.slow  # as long as the lock is held
def test_a_folder_that_a_lost_process_still_holds_is_waited_for(nodes, start, tmp_path):
    study, runs = write(tmp_path / "s.yaml", STUDY.replace("1.0e+30}\n", "1.0e-3}\n"))
    output = tmp_path / "out"
    folder = output / runs[0].run_id
    folder.mkdir(parents=True)
    (output / "study.yaml").write_text("study: s\n", encoding="utf-8")
    with open(folder / ".lock", "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = start(study, "--output", output, "--address", nodes.cluster.address)
        wait_for(
            lambda: "is being written by" in (tmp_path / "log.txt").read_text(encoding="utf-8"),
            seconds=LOCK_PATIENCE + 120,
        )
    assert command.wait(timeout=300) == 0
    assert f"{folder.name}: is tried again, on " in (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert_as_by_the_local_engine(output, runs, tmp_path)


@pytest.mark.slow  # Ray starts a process for every try
def test_a_run_whose_workers_always_die_is_given_up_and_the_others_are_done(nodes, start, tmp_path):
    study, runs = write(tmp_path / "s.yaml", LONG_STUDY.replace("6000", "600"))
    output, victim = tmp_path / "out", runs[0].run_id
    command = start(study, "--output", output, "--address", nodes.cluster.address)
    while command.poll() is None:
        for worker in processes_with(output / victim, nodes.workers(nodes.first)):
            worker.kill()
        time.sleep(0.05)
    assert command.wait() == 1
    told = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert (
        f"1 of 3 runs failed; the same command tries them again:\n  {victim}: Ray gave it up: The worker died" in told
    )
    assert told.count("is tried again, on ") == ray_pool.RETRIES
    assert "Ray gave it up" in RunFolder(output, runs[0]).failure.read_text(encoding="utf-8")
    assert_as_by_the_local_engine(output, runs[1:], tmp_path)


@pytest.mark.slow  # four starts of Ray
def test_ray_on_this_machine_stopped_and_killed_goes_on_with_the_same_command(environment, start, tmp_path):
    study, runs = write(tmp_path / "s.yaml", LONG_STUDY)
    output = tmp_path / "out"
    for kill, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        done = steps_done(output)
        command = start(study, "--output", output)
        wait_for(lambda done=done: steps_done(output) > done + 80, seconds=300)
        started, at_work = psutil.Process(command.pid).children(recursive=True), workers(psutil.Process(command.pid))
        assert at_work
        os.killpg(command.pid, kill) if kill == signal.SIGINT else command.send_signal(kill)
        assert command.wait(timeout=60) == code
        _, still_there = psutil.wait_procs(at_work, timeout=15)
        assert not still_there
        if kill != signal.SIGKILL:
            assert "Stopped. The same command goes on" in (tmp_path / "log.txt").read_text(encoding="utf-8")
            assert [path.name for path in environment.iterdir()] == ["ray"]
    assert start(study, "--output", output).wait(timeout=600) == 0
    assert_as_by_the_local_engine(output, runs, tmp_path)
    _, still_there = psutil.wait_procs(started, timeout=120)
    assert not still_there, "what watches over a node takes a minute to miss it"
