"""A study's demo as a Space: a folder that needs nothing but what its requirements name."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from gradio_client import Client
from support.served_page import free_port

from hf_capacity.demo.rendering import answers_html
from hf_capacity.demo.study import Study
from hf_capacity.hub import demo_repository, write_to_disk


SEEDS = "model_seed 1337, data_seed 1337, split_seed 1337"
PATIENCE = 300


@pytest.fixture
def space(half_trained, tmp_path, undrawn) -> Path:
    [folder] = write_to_disk([demo_repository(half_trained["both"].parent, "ada")], tmp_path / "hub")
    return folder / "main"


@contextlib.contextmanager
def started(space: Path, python: str | Path) -> Iterator[str]:
    """Starts the page as a Space does, from its folder, and gives its address."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "0"}
    with (
        open(space.parent / "log", "w+", encoding="utf-8") as log,
        subprocess.Popen([python, "app.py"], cwd=space, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            address, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
            while not _answers(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(Path(log.name).read_text(encoding="utf-8"))
                time.sleep(0.5)
            yield address
        finally:
            process.kill()


def _answers(address: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(address).status_code == 200
    return False


def check_answers(address: str, study: Path) -> None:
    client = Client(address, verbose=False, analytics_enabled=False)
    page = client.predict("<5+7=", "arithmetic", SEEDS, 2, api_name="/ask")
    client.close()
    assert page == answers_html(Study(study), "<5+7=", "arithmetic", SEEDS, 2)
    # Everybody may ask a Space, from within another page; files are given to nobody.
    assert httpx.get(address, headers={"Host": "ada-demo.example", "Origin": "http://a.example"}).status_code == 200
    assert httpx.get(f"{address}gradio_api/file=app.py").status_code == 403


def test_it_holds_the_page_the_models_and_pinned_requirements(space, tmp_path):
    names = {path.relative_to(space).as_posix() for path in space.rglob("*") if path.is_file()}
    assert {
        "README.md",
        "app.py",
        "requirements.txt",
        "study/weights.safetensors",
        "hf_capacity/demo/page.css",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    card = yaml.safe_load((space / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert (card["sdk"], card["app_file"], card["tags"]) == ("gradio", "app.py", ["hf-capacity", "demo:half_trained"])
    pins = dict(line.split("==") for line in (space / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert {"torch", "transformers", "gradio"} <= set(pins)
    assert pins["gradio"] == card["sdk_version"]
    assert not set(pins) & {"ray", "pytest"}
    # What is kept in the Space is the study: its records say what they said.
    [line, *_] = (space / "study" / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    assert "host" not in json.loads(line)["provenance"]


def test_there_is_none_without_the_models(call, undrawn, tmp_path):
    # A copy: the report is made again where the study lies.
    kept = shutil.copytree(Path(__file__).parents[2] / "model_cards" / "seeds", tmp_path / "seeds")
    said = call("publish", "demo", kept, "--dry-run")
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    assert "has no weights.safetensors: train its models" in said.stderr


@pytest.mark.processes  # a server that loads torch
def test_the_page_starts_from_the_folder_alone(space, half_trained, monkeypatch):
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with started(space, sys.executable) as address:
        check_answers(address, half_trained["both"].parent)


@pytest.mark.slow  # downloads and installs all that the page needs
def test_it_starts_in_an_empty_environment_from_its_own_requirements(space, half_trained, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"], cwd=space, check=True)
    with started(space, python) as address:
        check_answers(address, half_trained["both"].parent)
