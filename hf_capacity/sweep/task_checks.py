"""Whether the tasks of a plan can be loaded, and whether its runs fit them: before anything starts."""

import logging
from collections.abc import Sequence
from pathlib import Path

from dataset_builders import Task as Splits
from dataset_builders import demanded_bits, load_task, numerals, task_source
from dataset_builders.building import shorten

from ..boundary.writing import Damaged
from ..config.embeddings import EmbeddingsConfig
from ..config.experiment import ExperimentConfig
from ..config.model_keys import LADDERS_TYPE
from ..data.run_checks import TaskSizes, check_run, sizes_of_task
from ..data.task import Task


logger = logging.getLogger(__name__)


def check_tasks(runs: Sequence[ExperimentConfig]) -> None:
    """Loads the task of every run, and checks that the run fits it.

    Raises:
        ValueError: A task cannot be loaded, a run does not fit it (see `check_run`), there is no such model, or no
            such number of parameters with its alphabet, or its initial weights cannot be had.
    """
    sizes: dict[str, TaskSizes] = {}
    for run in runs:
        identity = repr(run.task)
        if identity not in sizes:  # for one split seed: others draw another split of the same size
            config, given = run.task, {"split_seed": run.split_seed, **run.task.parameters}
            task = load_task(config.path, config.name, leaks=config.leaks, **given)
            _warn(task, config.path)
            demand, written = (of(config.path, config.name, **given) for of in (demanded_bits, numerals))
            sizes[identity] = sizes_of_task(config.path, task, demand, written)
        check_run(run, sizes[identity])
        # The ladder's type takes whatever sizes its config has let pass, and needs no torch to say so.
        if run.model.num_parameters is not None or run.model.model_type != LADDERS_TYPE:
            from ..models.build import check_buildable

            check_buildable(run.model, len(sizes[identity].alphabet), run.block_size)
        is_known_by_digest = run.source and run.source.folder is None
        if (run.source or run.embeddings != EmbeddingsConfig()) and not is_known_by_digest:
            from ..models.start import check_initial_weights

            alphabet = "".join(sorted(sizes[identity].alphabet))
            check_initial_weights(run.model, run.embeddings, run.start_from, alphabet, run.block_size)


def check_sources(to_do: Sequence[ExperimentConfig], output: Path) -> None:
    """Checks that the weights are here from which runs begin that have no checkpoint to go on from.

    Raises:
        ValueError: They are known by their digest alone.
    """
    for run in to_do:
        is_begun = any((output / run.run_id).glob("checkpoint-*"))
        if run.source and run.source.folder is None and not is_begun:
            raise ValueError(
                f"{run.run_id} is to begin from {run.source}, and has no checkpoint to go on from: name the folder "
                "that has these weights."
            )


def check_unchanged(finished: Sequence[ExperimentConfig], output: Path) -> None:
    """Checks that finished runs have read what their task's folder holds now: it may have been prepared again.

    Raises:
        ValueError: One has read another text, or was asked other questions.
    """
    tasks: dict[str, Task] = {}
    for run in finished:
        if task_source(run.task.path) != "folder":
            continue
        settings = (run.task, run.split_seed, run.start, run.lines_before)
        if repr(settings) not in tasks:
            tasks[repr(settings)] = Task.load(run.task, run.split_seed, start=run.start, lines_before=run.lines_before)
        try:
            tasks[repr(settings)].check_identity(output / run.run_id)
        except Damaged as damage:
            raise ValueError(
                f"{damage} Take another `--output` for what {run.task.path} holds now, or delete {output}."
            ) from damage


def _warn(task: Splits, path: str) -> None:
    if task.leaks_dropped:
        logger.warning("%s: %d withheld questions were read, and are left out.", path, task.leaks_dropped)
    if task.never_read:
        logger.warning(
            "%s: %d questions whose `seen` is true stand nowhere in its training text, such as %s: hardly any model "
            "will answer them, and they count in what it has learned.",
            path,
            len(task.never_read),
            shorten(task.never_read[0]),
        )
