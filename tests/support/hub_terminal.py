"""A child process that does one command line after another, as a terminal whose Hub is the loopback one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


LOOP = """
import json, os, sys, traceback
from typer.testing import CliRunner
import hf_capacity.hub.client
from hf_capacity.cli import app

hf_capacity.hub.client.FIRST_WAIT = 0.01  # of a patience that would take seconds
for line in sys.stdin:
    words, environment = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    os.environ.update(environment)
    result = CliRunner().invoke(app, words)
    crash = [] if isinstance(result.exception, SystemExit | None) else traceback.format_exception(result.exception)
    print(json.dumps([result.exit_code, "".join([result.output, *crash])]), flush=True)
"""


class Outcome(NamedTuple):
    code: int
    output: str


class Terminal:
    """Commands of `hf-capacity`, in one child process, so that its imports are paid for once.

    Args:
        hub: The loopback Hub.
        folder: Where the commands run and keep their caches.
    """

    def __init__(self, hub, folder: Path):
        self.folder = folder
        environment = hub.environment(folder / "home", token=None)
        self._errors = open(folder / "stderr.txt", "w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env=environment,
        )

    def run(self, *words: str | os.PathLike, token: str | None = "token-of-ada") -> Outcome:
        """Does one command line, and gives its exit code and what it printed."""
        environment = {} if token is None else {"HF_TOKEN": token}
        print(json.dumps([list(map(str, words)), environment]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise RuntimeError(self._errors.read())
        return Outcome(*json.loads(answer))

    def close(self) -> str:
        """Ends it, and gives all that it wrote to its standard error."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.seek(0)
        with self._errors:
            return self._errors.read()
