"""The kernel as a library of this machine: built once, kept in a cache, and loaded only if it is what was built."""

import atexit
import ctypes
import functools
import hashlib
import logging
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


logger = logging.getLogger(__name__)

SOURCES = [*sorted(Path(__file__).parent.glob("*.h")), Path(__file__).parent / "window_loss.cpp"]
FLAGS = ["-O3", "-march=native", "-std=c++17", "-fno-math-errno", "-shared", "-fPIC", "-Wno-psabi"]
# A build takes some ten seconds; a compiler that has not ended by then never will.
SECONDS_TO_BUILD = 300
# What the compiler predefines for what -march=native stands for, the widest first.
INSTRUCTION_SETS = ("AVX512F", "AVX2", "AVX", "SSE4_2", "SSE2", "ARM_FEATURE_SVE", "ARM_NEON")


class KernelFault(RuntimeError):
    """The kernel cannot be built here, and why, in one line."""


@dataclass(frozen=True)
class Library:
    """A built kernel: its function, and what moves its last digits."""

    window_loss: Callable[..., float]
    compiler: str
    instruction_set: str


@functools.cache
def window_loss_library() -> Library:
    """The kernel, built where that has not been done; kept under a digest of source, compiler and processor.

    A library is code: it is taken from a folder in which nobody but this user can write, and only if its bytes are
    those that were built. Where there is no such folder, it is built again for this process.

    Raises:
        KernelFault: There is no C++ compiler, or not one that can build it.
    """
    # What the compiler predefines says its version and what the processor can do.
    predefined = _compile(*FLAGS, "-dM", "-E", "-x", "c++", os.devnull)
    content = "".join([predefined, *FLAGS, *(source.read_text(encoding="utf-8") for source in SOURCES)])
    try:
        path = _folder() / f"window_loss-{hashlib.sha256(content.encode()).hexdigest()[:16]}.so"
        if not _is_as_built(path):
            _build(path)
        window_loss = ctypes.CDLL(str(path)).window_loss
    except (OSError, AttributeError) as error:
        raise KernelFault(f"the kernel cannot be kept or loaded: {' '.join(str(error).split())}") from None
    window_loss.restype = ctypes.c_double
    window_loss.argtypes = [ctypes.c_long] * 6 + [ctypes.c_void_p] * 7 + [ctypes.c_long]
    version = re.search(r'#define __VERSION__ "(.*?)"', predefined)
    names = set(re.findall(r"#define __(\w+?)(?:__)? 1$", predefined, flags=re.MULTILINE))
    return Library(
        window_loss=window_loss,
        compiler=" ".join([Path(_compiler()[0]).name, *_compiler()[1:], *([version[1]] if version else [])]),
        instruction_set=next((name for name in INSTRUCTION_SETS if name in names), "-"),
    )


def _compiler() -> list[str]:
    try:
        named = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        raise KernelFault(f"no C++ compiler: CXX is {os.environ['CXX']!r} ({error})") from None
    return named or [shutil.which("g++") or shutil.which("clang++") or "c++"]


def _compile(*arguments: str) -> str:
    command = [*_compiler(), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS_TO_BUILD,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise KernelFault(f"{command[0]} does not end: it was stopped after {SECONDS_TO_BUILD} seconds") from None
    except subprocess.CalledProcessError as error:
        words = error.stderr.strip().splitlines() or [str(error)]
        raise KernelFault(f"{command[0]} fails: {words[0]}") from None
    except (OSError, ValueError) as error:
        raise KernelFault(f"no C++ compiler: {error}") from None
    return done.stdout


def _build(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder, "window_loss.so")
        _compile(*FLAGS, str(SOURCES[-1]), "-o", str(built))
        if not built.is_file() or not built.stat().st_size:
            raise KernelFault(f"{_compiler()[0]} ended without an error and built nothing")
        built.chmod(0o600)
        digest = Path(folder, "digest")
        digest.write_text(_digest(built), encoding="utf-8")
        # Each whole or not at all, for several workers may be at it; where the two do not agree it is built again.
        built.replace(path)
        digest.replace(path.with_suffix(".sha256"))


def _is_as_built(path: Path) -> bool:
    """Whether the library is a file of this user's that holds the bytes that were built."""
    try:
        status = path.lstat()
        is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        return is_ours and path.with_suffix(".sha256").read_text(encoding="utf-8") == _digest(path)
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _folder() -> Path:
    """Where libraries are kept: a folder in which nobody else can write, or one for this process alone."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "hf_capacity"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        fault = _fault_of(cache)
        if not fault and not os.access(cache, os.W_OK):
            fault = "nothing can be written there"
    except OSError as error:
        fault = str(error)
    if not fault:
        return cache
    folder = Path(tempfile.mkdtemp(prefix="hf_capacity-"))  # mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logger.warning("No library is kept in %s (%s): the kernel is built for this process alone.", cache, fault)
    return folder


def _fault_of(folder: Path) -> str | None:
    """Why others could put something of theirs into a folder; None where they cannot."""
    if folder.is_symlink() or folder.lstat().st_uid != os.geteuid():
        return "it is not a folder of this user"
    for path in (folder, *folder.resolve().parents):
        status = path.stat()
        shared_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.geteuid()
        is_open = status.st_mode & stat.S_IWOTH or shared_group
        # In a sticky folder, such as /tmp, nobody replaces what is another's.
        if is_open and not (path != folder and status.st_mode & stat.S_ISVTX):
            return f"others can write in {path}"
        if status.st_uid not in (0, os.geteuid()):
            return f"{path} is another user's"
    return None
