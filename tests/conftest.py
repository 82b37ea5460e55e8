"""What all tests share: no Hub, a cache of their own, one thread, and a small run to look at."""

import gc
import os
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
    """A run folder per task, of models that know some answers and not others; each also kept at an early step."""
    import torch

    from hf_capacity.config.experiment import ExperimentConfig
    from hf_capacity.experiment import run_experiment

    torch.set_num_threads(1)
    output = tmp_path_factory.mktemp("half_trained")
    folders = {}
    for task, block_size, batch_size, steps in (
        ("arithmetic", 9, 128, 600),
        ("capitals", 24, 32, 900),
        ("both", 24, 32, 600),
    ):
        config = ExperimentConfig(
            task=task,
            model="n56",
            block_size=block_size,
            batch_size=batch_size,
            steps=steps,
            eval_steps=100,
            keep_checkpoints=[50],
        )
        run_experiment(config, output, study="half_trained")
        folders[task] = output / config.run_id
    return folders


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of `datasets`, and no attempt to reach the Hub."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def hub():
    """A Hub on this machine alone, for child processes: two users, and an organisation of one of them."""
    from support.loopback.hub import LoopbackHub

    with LoopbackHub(users={"token-of-ada": "ada", "token-of-bob": "bob"}, organisations={"lab": ["ada"]}) as hub:
        yield hub
