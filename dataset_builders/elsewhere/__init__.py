"""Tasks from elsewhere, a folder or a dataset on the Hub: read as they are, and checked before they are used."""

from .columns import check_asked_once, checked_columns
from .leaks import Task, checked_against_text
from .reading import Unreadable, is_folder, read_splits


__all__ = [
    "Task",
    "Unreadable",
    "check_asked_once",
    "checked_against_text",
    "checked_columns",
    "is_folder",
    "read_splits",
]
