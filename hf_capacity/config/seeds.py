"""The seeds of a study: which move together, which are crossed, and which pairs of operands they withhold."""

import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..boundary.reading import quote
from .experiment import SEEDS, TaskConfig
from .settings import apply, entries_of, settings_of


MOST_SEEDS = 100_000
# The split seeds of a study with pairs of its own begin at one of so many thousands: seven digits, 3141017 say.
FIRST_THOUSAND, NUM_THOUSANDS = 1_000, 9_000
DRAWS_PAIRS = "such as {path: arithmetic, name: rotating_pair}"


def check_seeds(seeds: dict[str, Any], taken: Collection[str] = ()) -> None:
    """Refuses a block `seeds` that names no seeds, one twice, or one of `taken`, which something else sets.

    Raises:
        ValueError: It does.
    """
    named = [name for together in seeds for name in together.split("+")]
    if not set(named) <= set(SEEDS) or len(set(named)) < len(named):
        raise ValueError(
            f"`seeds` (={quote(seeds)}) must name each of {', '.join(SEEDS)} at most once, those that move together "
            "joined by a plus sign, such as {model_seed+data_seed: 3, split_seed: 10}."
        )
    if set(named) & set(taken):
        raise ValueError(f"`seeds` has {', '.join(sorted(set(named) & set(taken)))}, which settings or grid set too.")


def seed_axes(seeds: dict[str, Any], values: dict[str, Iterable[int]]) -> dict[str, list[Any]]:
    """`{model_seed+data_seed: 2, split_seed: 3}` to two axes: what is joined moves together, the rest is crossed.

    Args:
        seeds: How many values there are, by the seeds that have them together.
        values: Those that a seed takes one after the other.

    Raises:
        ValueError: A number is none.
    """
    axes: dict[str, list[Any]] = {}
    for together, number in seeds.items():
        if type(number) is not int or not 1 <= number <= MOST_SEEDS:
            either = " or `all`" if "split_seed" in together else ""
            raise ValueError(
                f"`seeds.{together}` (={quote(number)}) must be a whole number from 1 to {MOST_SEEDS:,}{either}."
            )
        names = together.split("+")
        rows = zip(*(itertools.islice(values[name], number) for name in names), strict=True)
        axes[together] = [row[0] if together in SEEDS else dict(zip(names, row, strict=True)) for row in rows]
    return axes


def count_pairs(seeds: dict[str, Any], tasks: Sequence[Any]) -> dict[str, Any]:
    """The block `seeds` with a number in place of `all`: as many split seeds as take each pair once.

    Args:
        seeds: The block.
        tasks: All tasks of the study's runs, one at least, as settings name them.

    Raises:
        ValueError: A task has no pairs, or tasks have different numbers of them.
    """
    whole = [together for together in seeds if seeds[together] == "all" and "split_seed" in together.split("+")]
    if not whole:  # of other seeds there is no such number
        return seeds
    lengths = list(map(rotation_of, tasks))
    if None in lengths:
        raise ValueError(
            f"`seeds.{whole[0]}: all` is for tasks whose pairs `split_seed` draws, {DRAWS_PAIRS}; "
            f"{quote(tasks[lengths.index(None)])} has none: give a number."
        )
    if len(set(lengths)) > 1:
        numbers = " and ".join(f"{length:,}" for length in sorted(set(lengths)))
        raise ValueError(f"`seeds.{whole[0]}: all` would be {numbers} for different tasks: give a number.")
    return seeds | dict.fromkeys(whole, lengths[0])


def own_split_seeds(study: str, rotation: int, used: Iterable[int] = ()) -> Iterator[int]:
    """The split seeds of a study with pairs of its own: an order of all pairs that its name draws, then another one.

    Studies would share most of their pairs by chance if each only began elsewhere in the one order in which
    `split_seed` goes through them: of 45 pairs, six in a row and another six share three or more in 7 of 45 cases, and
    six drawn freely in 1 of 42.

    Args:
        study: The study's name.
        rotation: How many seeds in a row take each pair once (`dataset_builders.rotation`).
        used: Seeds whose pairs come last in each order.
    """
    first = 1_000 * (FIRST_THOUSAND + _digest(study) % NUM_THOUSANDS)
    taken = {seed % rotation for seed in used}
    for turn in itertools.count():
        seeds = range(first + turn * rotation, first + (turn + 1) * rotation)
        yield from sorted(seeds, key=lambda seed: (seed % rotation in taken, _digest(f"{study} {seed}")))


def has_own_pairs(split_seeds: Iterable[int]) -> bool:
    """Whether the pairs of all these are drawn by their study's name."""
    return min(split_seeds) >= 1_000 * FIRST_THOUSAND


def shortest_rotation(tasks: Sequence[Any]) -> int:
    """After how many split seeds the pairs of some task come again.

    Args:
        tasks: As settings name them.

    Raises:
        ValueError: No task has pairs that `split_seed` draws.
    """
    lengths = list(filter(None, map(rotation_of, tasks)))
    if not lengths:
        raise ValueError(
            f"`pairs: own` is for tasks whose pairs `split_seed` draws, {DRAWS_PAIRS}: there is none here."
        )
    return min(lengths)


def rotation_of(task: Any) -> int | None:
    """`dataset_builders.rotation` of a task as settings name it; None where it names none, as its run will explain."""
    from dataset_builders import rotation

    try:
        config = TypeAdapter(TaskConfig).validate_python({"path": task} if isinstance(task, str) else task)
    except ValidationError:
        return None
    return rotation(config.path, config.name, **config.parameters)


def tasks_of(settings: dict[str, Any], grid: dict[str, Any], changes: dict[str, Any]) -> list[Any]:
    """The tasks of a grid's runs, each once, as settings name them."""
    axes = [[settings_of(axis, entry) for entry in entries_of(content)] for axis, content in grid.items()]
    axes = [axis for axis in axes if any(key.partition(".")[0] == "task" for entry in axis for key in entry)]
    tasks: dict[str, Any] = {}
    for combination in itertools.product(*axes):
        whole = settings
        for entry in (*combination, changes):
            whole = apply(whole, entry)
        tasks.setdefault(repr(whole.get("task")), whole.get("task"))
    return list(tasks.values())


def distinct_tasks(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of runs, each once, from their configs as records have them."""
    return list({json.dumps(config["task"]): config["task"] for config in configs}.values())


def count_pairs_again(configs: Sequence[dict[str, Any]], earlier: Sequence[dict[str, Any]]) -> tuple[int, int] | None:
    """How many sets of pairs some runs withhold, and how many of these earlier runs withheld too.

    None where `split_seed` draws no pairs.
    """
    again, all_earlier = _drawn_pairs(configs), _drawn_pairs(earlier)
    return (len(again), len(again & all_earlier)) if again else None


def _drawn_pairs(configs: Sequence[dict[str, Any]]) -> set[tuple[int, int]]:
    """What runs withhold, by how many sets of pairs there are and which of them it is."""
    rotations = {json.dumps(task): rotation_of(task) for task in distinct_tasks(configs)}
    drawn = ((rotations[json.dumps(config["task"])], config["split_seed"]) for config in configs)
    return {(rotation, seed % rotation) for rotation, seed in drawn if rotation}


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
