"""Whether the tasks of a plan can be loaded, and whether its runs fit them: before anything starts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from dataset_builders import Task, demanded_bits, load_task

from ..config import ExperimentConfig, TaskConfig
from ..tokenizer import check_alphabet


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sizes:
    """What of a task decides which runs fit it."""

    num_characters: int
    alphabet: frozenset[str]
    longest_line: int
    are_lines: bool
    has_bits: bool
    abilities: frozenset[str]


def check_tasks(runs: Sequence[ExperimentConfig]) -> None:
    """Loads the task of every run, and checks that the run fits it.

    Raises:
        ValueError: A task cannot be loaded, asks for characters that its text lacks, a block is not shorter than that
            text (where lines are read or scored as a whole: is shorter than one), lines do not end, a curriculum lacks
            a rule or facts, or a number of parameters cannot be had with its alphabet.
    """
    sizes: dict[str, _Sizes] = {}
    for run in runs:
        identity = repr(run.task)
        if identity not in sizes:  # for one split seed: others draw another split of the same size
            sizes[identity] = _sizes(run.task, run.split_seed)
        _check_fit(run, sizes[identity])


def _sizes(config: TaskConfig, split_seed: int) -> _Sizes:
    path = config.path
    task = load_task(path, config.name, split_seed=split_seed, leaks=config.leaks, **config.parameters)
    _warn(task, path)
    texts = task["train"]["text"][:]
    read, asked = set("".join(texts)), set()
    for column in ("prompt", "answer", "end"):
        asked.update("".join(task["questions"][column]))
    if asked - read:
        raise ValueError(
            f"the questions of {path} have characters that its training text lacks: {sorted(asked - read)[:20]}. "
            "A model cannot read or write what is not in its alphabet."
        )
    demand = demanded_bits(path, config.name, split_seed=split_seed, **config.parameters)
    alphabet = frozenset(read | set(demand.alphabet if demand else ""))
    check_alphabet(alphabet)
    return _Sizes(
        num_characters=sum(map(len, texts)),
        alphabet=alphabet,
        longest_line=max(map(len, texts)),
        are_lines=all(text.endswith("\n") for text in texts),
        has_bits=demand is not None,
        abilities=frozenset(task["train"]["ability"]),
    )


def _warn(task: Task, path: str) -> None:
    notes = task.notes
    if "leaks_dropped" in notes:
        logger.warning("%s: %d withheld questions are left out: their lines are read.", path, notes["leaks_dropped"])
    if "never_read" in notes:
        logger.warning("%s: %d questions count as seen, and stand nowhere in its text.", path, notes["never_read"])


def _check_fit(run: ExperimentConfig, sizes: _Sizes) -> None:
    path = run.task.path
    if run.block_size >= sizes.num_characters:
        raise ValueError(
            f"`block_size` (={run.block_size}) must be below the length of the training text of {path} "
            f"(={sizes.num_characters} characters)."
        )
    if (run.batches == "lines" or sizes.has_bits) and run.block_size < sizes.longest_line:
        raise ValueError(
            f"`block_size` (={run.block_size}) must be at least {sizes.longest_line}, the length of the longest line "
            f"of {path}: its lines are {'scored' if sizes.has_bits else 'read'} as a whole."
        )
    if run.batches == "lines" and not sizes.are_lines:
        raise ValueError(
            f"`batches` (='lines') needs rows of text that end with a newline, and not every one of {path} does: take "
            "`windows`."
        )
    if run.curriculum and len(sizes.abilities) < 2:
        raise ValueError(
            f"`curriculum` (={run.curriculum!r}) reads rule and facts apart, and {path} has only the "
            f"{''.join(sizes.abilities)}: take a mixture of both."
        )
    if run.model.num_parameters is not None:
        from ..models import sized

        sized(run.model, len(sizes.alphabet), run.block_size)
