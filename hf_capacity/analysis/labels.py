"""What tables and figures call tasks, models and values, from records."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ..config.model import label_of


# Of what rows of lines hold, and of what stands before a question.
WORDS = {
    "lines_per_row": "{} lines a row",
    "cut_in_front": "cut in front",
    "random_offset": "at random offsets",
    "replacement": "drawn with replacement",
    "loss_on": "loss on {}",
}
ASKED_AFTER = {"nothing": "nothing", "newline": "a newline"}


def task_label(record: dict[str, Any]) -> str:
    """What tables and figures call the training set of a run: the task, and its config if it is not the paper's."""
    task = record["config"]["task"]
    return without_folders(task["path"]) + (
        "" if task["name"] in (None, "paper") else f" ({task['name'].replace('_', ' ')})"
    )


def without_folders(path: str) -> str:
    """The name of a folder that was given by its place on a machine; any other path as it is."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] if _is_on_a_machine(path) else path


def model_label(record: dict[str, Any]) -> str:
    """What tables and figures call the model of a run."""
    return label_of(record["config"]["model"])


def spell(value: Any) -> str:
    """A setting's value as tables show it."""
    if value is None or value == []:
        return "-"
    if isinstance(value, str) and _is_on_a_machine(value):  # two folders of one name stay two
        return f"{without_folders(value)} ({hashlib.sha256(value.encode()).hexdigest()[:8]})"
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


def spell_differing(settings: dict[str, Any], alike: Sequence[dict[str, Any]]) -> str:
    """The settings in which others are not all alike, as tables show them."""
    differing = [key for key in settings if any(other.get(key) != settings[key] for other in alike)]
    return ", ".join(_spell_setting(_short(key, differing), settings[key]) for key in differing)


def _spell_setting(key: str, value: Any) -> str:
    """What sets a cell apart, as tables show it: in words where there are some, or as `KEY=VALUE`."""
    if key == "asked_after":
        lines = f"{value} training line{'' if value == 1 else 's'}"
        return f"asked after {ASKED_AFTER.get(str(value), lines)}"
    return WORDS[key].format(value) if key in WORDS else f"{key}={spell(value)}"


def _short(key: str, among: Sequence[str]) -> str:
    """A task's parameter by its last name, if that distinguishes it from the others."""
    last = key.rpartition(".")[2]
    alike = [other for other in among if other.rpartition(".")[2] == last]
    return last if key.startswith("task.parameters.") and len(alike) == 1 else key


def _is_on_a_machine(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or path.startswith("~")
