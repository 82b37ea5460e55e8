"""Tasks from elsewhere, a folder or a dataset on the Hub: read as they are, and checked before they are used."""

from .columns import as_text, check_asked_once, checked_columns
from .leaks import Task, checked_against_text
from .reading import Unreadable, is_folder, quiet, read_rows, read_splits


__all__ = [
    "Task",
    "Unreadable",
    "as_text",
    "check_asked_once",
    "checked_against_text",
    "checked_columns",
    "is_folder",
    "quiet",
    "read_rows",
    "read_splits",
]
