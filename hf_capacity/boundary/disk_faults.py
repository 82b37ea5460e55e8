"""Which file it was that could not be written: libraries that write checkpoints name it in no error of theirs."""

import errno
import os
import re
import traceback
from pathlib import Path


# How Rust's libraries spell an error of the system, and how torch does, which keeps its number to itself.
SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
TORCH_CANNOT_WRITE = ("inline_container", "iostream error")
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def with_file_named(error: Exception, folder: Path) -> Exception:
    """An error as it is or, of a file in `folder` that could not be written, as an `OSError` that names it."""
    spelled = SYSTEM_ERROR.search(str(error))
    number = getattr(error, "errno", None) or (int(spelled[1]) if spelled else None)
    path = _file_at_work(error, folder) or folder
    if number in CANNOT_WRITE:
        return OSError(number, os.strerror(number), str(getattr(error, "filename", None) or path))
    if any(words in str(error) for words in TORCH_CANNOT_WRITE):
        return OSError(f"no space left on device, or none granted: {str(path)!r}")
    return error


def _file_at_work(error: Exception, folder: Path) -> Path | None:
    """The file that the failed call was given: the innermost path into the folder that its frames hold.

    When files were last changed does not help: several are written within one tick of the file system's clock.
    """
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in frame.f_locals.values():
            if isinstance(value, (str, Path)) and Path(value).is_relative_to(folder) and not Path(value).is_dir():
                return Path(value)
    return None
