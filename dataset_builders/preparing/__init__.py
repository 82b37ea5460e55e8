"""A task from data of one's own: rows are read, some are withheld, and a folder is written that `load_task` loads."""

from .folder import Prepared, check_output, prepare_task
from .rows import Source
from .withholding import Withheld


__all__ = ["Prepared", "Source", "Withheld", "check_output", "prepare_task"]
