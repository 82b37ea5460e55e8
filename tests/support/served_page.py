"""The page of a study, served by a process of its own as for a person."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def served(study: Path) -> Iterator[str]:
    """Starts `hf-capacity demo`, gives the page's address, and ends it as Ctrl-C does.

    Raises:
        AssertionError: It did not start, did not end well, or asked something of the world outside.
    """
    command = [sys.executable, "-m", "hf_capacity.cli", "demo", str(study), "--port", str(free_port())]
    with socket.create_server(("127.0.0.1", 0)) as outside:
        proxy = f"http://127.0.0.1:{outside.getsockname()[1]}"
        environment = os.environ | {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "HF_HUB_OFFLINE": "0"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process:
            try:
                told = process.stdout.readline()
                assert told.startswith("Open http://127.0.0.1:"), process.communicate()[1]
                yield told.split()[1]
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    _, faults = process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
            assert (process.returncode, faults) == (0, "")
        outside.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"the page wanted to go through the proxy: {outside.accept()}")
