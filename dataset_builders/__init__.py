"""What is learned: every task as a dataset of questions. `load_task` is the way in; README.md says how to add one."""

from tempfile import TemporaryDirectory

from .building import FEATURES, Demand, Numerals, QuestionBuilder, QuestionConfig, listed, question_table, shorten
from .elsewhere import (
    Task,
    Unreadable,
    check_asked_once,
    checked_against_text,
    checked_columns,
    is_folder,
    quiet,
    read_splits,
)
from .mixture.builder import Mixture
from .tasks import PARTS


__all__ = [
    "FEATURES",
    "TASKS",
    "Demand",
    "Numerals",
    "QuestionBuilder",
    "QuestionConfig",
    "Task",
    "demanded_bits",
    "is_folder",
    "load_task",
    "numerals",
    "question_table",
    "rotation",
    "task_source",
]

TASKS: dict[str, type[QuestionBuilder]] = {**PARTS, "mixture": Mixture, "both": Mixture}  # as the paper calls it


def load_task(
    path: str,
    name: str | None = None,
    *,
    split_seed: int = QuestionConfig.split_seed,
    leaks: str | None = None,
    **parameters,
) -> Task:
    """Loads a task into memory. The cache of `datasets` is left alone, except for what comes from the Hub.

    Args:
        path (`str`):
            One of `TASKS`, or a local folder or a dataset on the Hub that has the same splits and columns.
        name (`str`, *optional*):
            A named config of the task; its default config if left out.
        split_seed (`int`, defaults to 1337):
            Draws what the task leaves to chance. `capitals` leaves nothing to chance, takes it and draws nothing.
        leaks (`str`, *optional*):
            Of a task from elsewhere: `drop` leaves out withheld questions whose line is in the training text; without
            it they are refused.
        **parameters:
            Other fields of the task's config to set, such as `withheld_pairs=[[5, 7], [2, 3]]`.

    Returns:
        `Task`: A `DatasetDict` of `train`, whose texts joined are the training text, and `questions`, both
        with the columns of [`question_table`]; and `notes` (see [`Task`]).

    Raises:
        `ValueError`: if there is no such task, config or parameter, if a parameter has an impossible value, or if a
            dataset from elsewhere cannot be read, is missing a split or a column, has rows that no run can use, or
            says of questions that they are withheld, or seen, which they are not.
    """
    with quiet(), TemporaryDirectory() as fresh_cache:
        if path in TASKS:
            if leaks is not None:
                raise ValueError(
                    f"`leaks` (={shorten(leaks)}) is for tasks from elsewhere, and {shorten(path)} is one of ours."
                )
            parameters["split_seed"] = split_seed
            TASKS[path].configured(path, name, parameters)  # where `datasets` would take what is not there
            builder = TASKS[path](fresh_cache, config_name=name, **parameters)
            builder.download_and_prepare()
            return Task(builder.as_dataset(in_memory=True))

        given = [*parameters, *(["split_seed"] if split_seed != QuestionConfig.split_seed else [])]
        if given:
            raise ValueError(
                f"{shorten(path)} is loaded as it is: leave out {listed(given)}, or load one of {listed(TASKS)}."
            )
        try:
            splits = read_splits(path, name, fresh_cache)
        except Unreadable as fault:
            raise ValueError(
                f"Could not load the task {shorten(path)}: {fault} Give one of {listed(TASKS)}, a local folder or a "
                "dataset on the Hub that can be reached."
            ) from fault
        task = checked_against_text(checked_columns(splits, path), path, leaks)
        check_asked_once(task["questions"], path)
        return task


def task_source(path: str) -> str:
    """Where a task comes from: `packaged` (one of `TASKS`), a `folder` of this machine, or the `hub`."""
    if path in TASKS:
        return "packaged"
    return "folder" if is_folder(path) else "hub"


def demanded_bits(
    path: str, name: str | None = None, *, split_seed: int = QuestionConfig.split_seed, **parameters
) -> Demand | None:
    """How many bits there are to be memorised in the training text of a task.

    Args:
        path, name, split_seed, **parameters: As for [`load_task`].

    Returns:
        [`Demand`], or None where the entropy is not known by construction: for `arithmetic` unless its answers are
        shuffled, `capitals`, what comes from elsewhere, and mixtures. A mixture in which that of exactly one part is
        known has that part's, whose lines alone are to be scored.

    Raises:
        `ValueError`: if there is no such config or parameter, or if a parameter that counts has an impossible value.
    """
    if path not in TASKS:
        return None
    return TASKS[path].demand(TASKS[path].configured(path, name, {**parameters, "split_seed": split_seed}))


def rotation(path: str, name: str | None = None, **parameters) -> int | None:
    """How many `split_seed`s in a row withhold every pair of different operands once, or equally often.

    Args:
        path, name, **parameters: As for [`load_task`].

    Returns:
        Their number, 45 in `rotating_pair`: seeds that differ by a multiple of it withhold the same pairs. None for a
        task of which `split_seed` draws no pairs.

    Raises:
        `ValueError`: if there is no such config or parameter, or if a parameter that counts has an impossible value.
    """
    if path not in TASKS:
        return None
    return TASKS[path].rotation(TASKS[path].configured(path, name, parameters))


def numerals(path: str, name: str | None = None, **parameters) -> Numerals | None:
    """How the questions of a task write numbers.

    Args:
        path, name, **parameters: As for [`load_task`].

    Returns:
        [`Numerals`], or None where questions have no numbers whose numerals are characters: for `capitals`, say, or
        for what comes from elsewhere. A mixture has those of its arithmetic.

    Raises:
        `ValueError`: if there is no such config or parameter.
    """
    if path not in TASKS:
        return None
    return TASKS[path].numerals(TASKS[path].configured(path, name, parameters))
