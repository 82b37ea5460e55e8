"""Where a run took place: what may move its last digits, and what explains its speed."""

import datetime
import importlib.metadata
import platform
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import torch


def describe_surroundings(device: torch.device, num_processes: int) -> dict[str, Any]:
    """The machine, the versions and the commit, as they stand in a record's `provenance`."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "versions": {name: importlib.metadata.version(name) for name in ("hf-capacity", "torch", "transformers")},
        "git_commit": git_commit(),
        "device": str(device),
        "num_threads": torch.get_num_threads(),
        "num_processes": num_processes,
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def git_commit() -> str | None:
    """The commit of the checkout that this code runs from, with `+changes` where it is not clean; None in a wheel."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", root, *words], capture_output=True, encoding="utf-8", errors="replace", check=False
        ).stdout.strip()

    return git("rev-parse", "HEAD")[:12] + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
