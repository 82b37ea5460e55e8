"""How many steps a run takes for its items to be read so often."""

import functools
import json
from typing import Any

from .model import MOST


def check_steps(config: Any, default: int) -> int:
    """The steps of an `ExperimentConfig`: those that it gives, those that its `exposures` come to, or the default.

    Each item is read as often as that on average, or a little more often where the last batch has room: exactly
    `exposures` x items / lines in a batch, rounded up.

    Raises:
        ValueError: Its exposures cannot be counted, or come to another number than its steps.
    """
    if config.exposures is None:
        return default if config.steps is None else config.steps
    key = f"`exposures` (={config.exposures:,})"
    if config.cut_in_front or config.replacement:
        name = "cut_in_front" if config.cut_in_front else "replacement"
        raise ValueError(f"{key} counts lines that are read whole and in turn: leave it or `{name}` out.")
    task = config.task
    num_items = _count_items(task.path, task.name, config.split_seed, json.dumps(task.parameters))
    if num_items is None:
        raise ValueError(
            f"{key} is for tasks whose lines are items with known bits, such as facts or random_strings, and "
            f"`task.path` is {task.path!r}: give `steps`."
        )
    steps = -(-config.exposures * num_items // (config.batch_size * config.lines_per_row))
    if config.steps not in (None, steps):
        raise ValueError(
            f"`steps` (={config.steps:,}) and {key}, which come to {steps:,} steps: leave one of them out."
        )
    if steps > MOST:
        raise ValueError(f"{key} come to {steps:,} steps, more than {MOST:,}: take fewer, or a larger `batch_size`.")
    return steps


@functools.cache
def _count_items(path: str, name: str | None, split_seed: int, parameters: str) -> int | None:
    """How many items a task has, whose lines are all of its text; None where that is not known."""
    from dataset_builders import TASKS, demanded_bits  # which takes a second, and few runs need it

    demand = demanded_bits(path, name, split_seed=split_seed, **json.loads(parameters))
    is_mixture = TASKS.get(path) is TASKS["mixture"]  # which may have lines beside its items, and items again
    return None if demand is None or is_mixture else demand.num_items
