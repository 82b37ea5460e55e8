"""How files are written, whole or not at all, and known again."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


class Damaged(ValueError):
    """A file is not what was written: cut short, changed or of another version."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing.

    Raises:
        OSError: It cannot be written, for want of space, say; what was there before is still there.
    """
    partial = path.with_name(f".{path.name}.partial")
    with naming(path):
        try:
            with open(partial, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Says which file cannot be written: the system names none where a disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sha256(path: Path) -> str:
    """Digest of a file's bytes, short enough for a record to hold several.

    Raises:
        Damaged: It is no ordinary file.
        OSError: It is a folder, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise Damaged(f"{path} is no ordinary file.")
    with open(descriptor, "rb", buffering=0) as file:
        # Not `file_digest`, which makes a quarter of a megabyte of room for each of a hundred thousand small files.
        return hashlib.sha256(file.readall()).hexdigest()[:16]


def short_digest(content: bytes) -> str:
    """The same of bytes that are at hand."""
    return hashlib.sha256(content).hexdigest()[:16]
