"""Copies of `dataset_builders` to change, and interpreters that know a copy alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dataset_builders


PACKAGE = Path(dataset_builders.__file__).parent


def copy_package(folder: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")))


def start_python(*arguments, folder=PACKAGE.parent):
    """A fresh interpreter in which `dataset_builders` is the one in `folder`."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "error", *arguments], cwd=folder, env=environment, **pipe)


def output_of(process) -> str:
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output.strip()
