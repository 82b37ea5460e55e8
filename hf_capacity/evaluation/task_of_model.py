"""The task that a model was trained on, as the `task.json` that travels with it says."""

from pathlib import Path
from typing import Any

from huggingface_hub.utils import HFValidationError, validate_repo_id

from dataset_builders import TASKS, is_folder

from ..boundary.reading import quote, read_json
from ..config.experiment import TaskConfig
from ..data.task import Task
from ..models.folder import is_on_the_hub


TASK_FILE = "task.json"


def task_of_model(folder: Path, source: str | Path, asked: Any = None) -> Task:
    """The task of a model, if it is still the one that the model has seen.

    Args:
        folder: Where the model lies.
        source: What messages call it.
        asked: What somebody takes for its task: a mapping of some of `TaskConfig`'s fields.

    Raises:
        ValueError: It is not, `asked` contradicts it, or it cannot be loaded here.
    """
    try:
        identity = read_json(folder / TASK_FILE)
        carried, split_seed, start = identity["task"], identity["split_seed"], identity.get("start", "")
        if type(split_seed) is not int or not isinstance(start, str):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{source} cannot be scored: its task.json names no `task` and `split_seed`.") from None
    task = check_task(carried, f"`task` in the task.json of {source} (={quote(carried)})")
    if asked is not None and (not isinstance(asked, dict) or not asked.items() <= carried.items()):
        raise ValueError(
            f"`--task` (={quote(asked)}) contradicts what {source} was trained on, {quote(carried)}: leave it out."
        )
    if not _is_within_reach(task.path, source, identity.get("task_source")):
        raise ValueError(
            f"{source} was trained on {task.path!r}, which is neither one of {', '.join(TASKS)} nor a folder here nor "
            "a dataset on the Hub: it cannot be scored here."
        )
    loaded = Task.load(task, split_seed, start=start)
    loaded.check_identity(folder)
    return loaded


def check_task(fields: Any, name: str) -> TaskConfig:
    """The task of a name, or of a mapping of `TaskConfig`'s fields; `name` is what messages call it.

    Raises:
        ValueError: It is no task.
    """
    try:
        return TaskConfig(**({"path": fields} if isinstance(fields, str) else fields))
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} is no task: a name is expected, such as arithmetic, or a mapping of path, name and parameters."
        ) from None


def _is_within_reach(path: str, source: str | Path, task_source: str | None) -> bool:
    if path in TASKS:
        return True
    if is_folder(path):  # for a model from elsewhere it would be another task that happens to have this path
        return not is_on_the_hub(source)
    if task_source == "folder":  # seen from another folder, `sums/mine` would be somebody's dataset on the Hub
        return False
    try:
        validate_repo_id(path)
    except HFValidationError:
        return False
    return "/" in path  # else `datasets` would take it for a format, such as csv, and read what lies around
