"""A page on which every model of a finished study answers what is typed."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path


# Reached by this machine's users alone.
HOST = "127.0.0.1"


def serve(source: str, port: int | None, announce: Callable[[str], None]) -> None:
    """Serves the page of a study to this machine, until it is interrupted.

    Args:
        source: The study's folder, such as `runs/quick`, or its dataset repository on the Hub.
        port: Where; by default the first free one from 7860 on.
        announce: Called with the page's address as soon as it can be opened.

    Raises:
        ValueError: There is no study that can be shown, the port cannot be had, or Gradio is missing.
        OSError: A file cannot be read, or no port is free.
    """
    from ..models.folder import study_folder
    from .study import Study

    study = Study(study_folder(source))
    if port:
        _check_port(port)
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise ValueError("gradio is not installed: pip install 'hf-capacity[demo]'") from None
    from .page import build_page, launch

    page = build_page(study)
    # What a shell puts into the background has SIGINT switched off.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    announce(launch(page, HOST, port))
    page.block_thread()


def serve_space(folder: Path) -> None:
    """Serves the page of a study to everybody, as Spaces want it: at the address that they set, until they stop it.

    Args:
        folder: The kept study's, with its weights.

    Raises:
        ValueError: It has no study that can be shown.
    """
    from .page import build_page, launch
    from .study import Study

    page = build_page(Study(folder))
    launch(page, None, None)
    page.block_thread()


def _check_port(port: int) -> None:
    try:
        with socket.create_server((HOST, port)):
            pass
    except OSError:
        raise ValueError(f"`--port` (={port}) is taken or not allowed: name another one, or leave it out.") from None
