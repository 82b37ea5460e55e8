"""What all tests share: no Hub, a cache of their own, one thread, and a small run to look at."""

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path


# Read when the Hugging Face libraries are imported, hence before any of them.
_cache = tempfile.TemporaryDirectory(prefix="hf-capacity-tests-")
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": _cache.name, "OMP_NUM_THREADS": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0"}

import pytest  # noqa: E402


def pytest_collection_finish() -> None:
    """Takes what is imported by now for no garbage: every run ends with a look through it all, longer than the run."""
    import hypothesis  # noqa: F401  # finds what it registers among what is not frozen

    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def half_trained(tmp_path_factory) -> dict[str, Path]:
    """A run folder per task, of models that know some answers and not others; each also kept at an early step.

    Only read: the processes of one test session train each of them once, between them.
    """
    import torch

    from hf_capacity.config.experiment import ExperimentConfig
    from hf_capacity.experiment import run_experiment
    from hf_capacity.runs.folder import RunLocked

    torch.set_num_threads(1)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    folder = tmp_path_factory.getbasetemp()
    output = (folder.parent if worker else folder) / "half_trained"
    common = {"model": "n56", "eval_steps": 100, "keep_checkpoints": [50]}
    runs = [
        ExperimentConfig(task=task, block_size=block_size, batch_size=batch_size, steps=steps, **common)
        for task, block_size, batch_size, steps in (
            ("arithmetic", 9, 128, 600),
            ("capitals", 24, 32, 900),
            ("both", 24, 32, 600),
        )
    ]
    # The first process from one end, others from the other.
    for run in runs if worker in (None, "gw0") else reversed(runs):
        record = None
        while record is None:
            with contextlib.suppress(RunLocked):  # another process has it
                record = run_experiment(run, output, study="half_trained")
    return {run.task.path: output / run.run_id for run in runs}


@pytest.fixture
def begin(tmp_path):
    """Begins a command in a process of its own, which writes to a log; none outlives its test, whatever fails."""
    from support.survivors import HF_CAPACITY

    with contextlib.ExitStack() as processes:

        def begin(*words, log: Path = tmp_path / "log.txt", **options) -> subprocess.Popen:
            with open(log, "w", encoding="utf-8") as file:
                command = [*HF_CAPACITY, *map(str, words)]
                process = processes.enter_context(subprocess.Popen(command, stdout=file, stderr=file, **options))
            processes.callback(process.kill)
            return process

        yield begin


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of `datasets`, and no attempt to reach the Hub."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The command line, in an empty folder and in this process: a new one would load for longer than it works."""
    from typer.testing import CliRunner

    from hf_capacity.cli import app

    monkeypatch.chdir(tmp_path)
    handlers = {ending: signal.getsignal(ending) for ending in (signal.SIGINT, signal.SIGTERM)}
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    for ending, handler in handlers.items():
        signal.signal(ending, handler)


@pytest.fixture
def chrome():
    """A browser without a window, which logs its console and what it asks of the network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as chrome:
        yield chrome


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are composed and stay blank: for reports of which words are compared, which take less than drawing."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda canvas: canvas.get_renderer())


@pytest.fixture
def hub():
    """A Hub on this machine alone, for child processes: two users, and an organisation of one of them."""
    from support.loopback.hub import LoopbackHub

    with LoopbackHub(users={"token-of-ada": "ada", "token-of-bob": "bob"}, organisations={"lab": ["ada"]}) as hub:
        yield hub
