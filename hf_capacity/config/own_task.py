"""The study that a task's folder is run by where no YAML says another: three sizes, three seeds, whole lines."""

import os
from pathlib import Path
from typing import Any


# A short schedule, of as many steps as the facts of `quick` take.
SETTINGS = {"batches": "lines", "batch_size": 128, "steps": 6_000, "eval_steps": 500}


def blocks_of_task(folder: Path) -> list[Any]:
    """What a study's file would hold, in the order of its keys; the block is as long as the longest line.

    Args:
        folder: Of a task, as `hf-capacity prepare` writes it.

    Raises:
        ValueError: It holds no task.
    """
    from dataset_builders import TASKS, load_task

    path = os.path.normpath(folder)
    path = os.path.join(os.curdir, path) if path in TASKS else path  # where a name alone is a task of ours
    try:
        task = load_task(path)
    except ValueError as error:
        raise ValueError(f"{error} `hf-capacity prepare` makes a task's folder of your own data.") from error
    questions = task["questions"]
    asked = zip(*(questions[column][:] for column in ("prompt", "answer", "end")), strict=True)
    longest = max(max(map(len, task["train"]["text"][:])), max(len("".join(parts)) for parts in asked))
    num_withheld = len(questions) - sum(questions["seen"][:])
    description = f"{folder}: {len(task['train']):,} lines are read, {num_withheld:,} questions withheld."
    settings = {"task": {"path": path}, "block_size": longest, **SETTINGS}
    grid, seeds = {"model": ["n14", "n28", "n56"]}, {"model_seed+data_seed": 3}
    return [{"description": description, "question": ""}, None, settings, grid, seeds, {}, {}]
