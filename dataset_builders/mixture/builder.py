"""Several tasks in one text, a block of lines each: as they are, in a ratio, or with so many characters each."""

import math
import operator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    MOST_CHARACTERS,
    Demand,
    Numerals,
    QuestionBuilder,
    QuestionConfig,
    Splits,
    shorten,
)
from dataset_builders.tasks import PARTS


# Settings of a mixture that are its arithmetic's: they are handed on.
WITHHELD = ("withheld_split", "withheld_pairs", "drawn_pairs", "withheld_fraction", "withheld_operand")


@dataclass
class MixtureConfig(QuestionConfig):
    """
    Args:
        tasks (`tuple` or `list` of mappings, defaults to the paper's two):
            The parts, in the order of their blocks. Of each the `path`, one of `PARTS`, and if need be `name`, a
            config of it, and `parameters`, a mapping of fields of that config.
        ratio (`tuple` or `list` of numbers, *optional*):
            How the characters of the parts relate, one number a part. The text is the shortest in which each part is
            read at least once: the part that is longest for its share is read once, and the others are cut to fit.
        tokens (`tuple` or `list` of `int`, *optional*):
            Instead: the characters of each part, at least those of one reading. To fill them, a part's lines are read
            in their order, and from the first one again after the last; the line that fills them is read to its end.
            With neither, each part is read once.
        withheld_split, withheld_pairs, drawn_pairs, withheld_fraction, withheld_operand (*optional*):
            Parameters of every part that is `arithmetic`.
        split_seed (`int`, defaults to 1337):
            That of every part whose `parameters` do not set another.
    """

    tasks: tuple = ({"path": "arithmetic", "name": "paper"}, {"path": "capitals", "name": "paper"})
    ratio: tuple | None = None
    tokens: tuple | None = None
    withheld_split: str | None = None
    withheld_pairs: tuple | None = None
    drawn_pairs: int | None = None
    withheld_fraction: float | None = None
    withheld_operand: int | None = None


class Mixture(QuestionBuilder):
    """Config `paper` is the paper's cell `both`: 250 questions, 246 lines, 3,311 characters."""

    title = "Rules and facts in one text"
    paper = "2506.09099"
    example = "<5+3="
    hub_name = "both"  # as the paper calls it

    BUILDER_CONFIG_CLASS = MixtureConfig
    BUILDER_CONFIGS = (
        *(
            MixtureConfig(
                name=config.name,
                tasks=({"path": "arithmetic", "name": config.name}, {"path": "capitals", "name": "paper"}),
                description=config.description,
            )
            for config in PARTS["arithmetic"].BUILDER_CONFIGS
            if config.name in ("paper", "rotating_pair", "random", "operand")
        ),
        MixtureConfig(
            name="balanced", ratio=(1, 1), description="As `paper`, with as many characters of either task."
        ),
    )
    DEFAULT_CONFIG_NAME = "paper"

    @staticmethod
    def tables(config: MixtureConfig) -> Splits:
        built = [builder.build(part) for builder, part in _parts(config)]
        prompts_of_parts = [pa.concat_tables(splits.values())["prompt"] for splits in built]
        for (first, prompts), (second, others) in combinations(zip(config.tasks, prompts_of_parts, strict=True), 2):
            shared = prompts.filter(pc.is_in(prompts, others))
            if len(shared):
                raise ValueError(
                    f"`tasks` {first!r} and {second!r} both have the prompt {shorten(shared[0].as_py())}: mix tasks "
                    "whose prompts differ."
                )
        lines = [splits["train"] for splits in built]
        characters = _characters(config, [int(_num_characters(part)[-1]) for part in lines])
        return {
            "train": pa.concat_tables(map(_filled, lines, characters)),
            "questions": pa.concat_tables(splits["questions"] for splits in built),
        }

    @staticmethod
    def demand(config: MixtureConfig) -> Demand | None:
        demands = [builder.demand(part) for builder, part in _parts(config)]
        known = [demand for demand in demands if demand is not None]
        return known[0] if len(known) == 1 else None

    @staticmethod
    def rotation(config: MixtureConfig) -> int | None:
        lengths = {
            builder.rotation(part)
            for task, (builder, part) in zip(config.tasks, _parts(config), strict=True)
            if "split_seed" not in (task.get("parameters") or {})  # with a seed of its own it is the same in every run
        } - {None}
        return lengths.pop() if len(lengths) == 1 else None

    @staticmethod
    def numerals(config: MixtureConfig) -> Numerals | None:
        known = {builder.numerals(part) for builder, part in _parts(config)} - {None}
        return known.pop() if len(known) == 1 else None


def _parts(config: MixtureConfig) -> list[tuple[type[QuestionBuilder], QuestionConfig]]:
    tasks = config.tasks
    if not isinstance(tasks, (list, tuple)) or not tasks or not all(map(_is_part, tasks)):
        raise ValueError(
            f"`tasks` must list mappings of `path`, one of {', '.join(PARTS)}, and if need be `name` and "
            f"`parameters`; got {shorten(tasks)}."
        )
    handed_on = {name: getattr(config, name) for name in WITHHELD if getattr(config, name) is not None}
    if handed_on and "arithmetic" not in [task["path"] for task in tasks]:
        raise ValueError(f"`{next(iter(handed_on))}` is for arithmetic, which is not among `tasks`: leave it out.")
    parts = []
    for task in tasks:
        parameters = {"split_seed": config.split_seed}
        parameters |= handed_on if task["path"] == "arithmetic" else {}
        parameters |= task.get("parameters") or {}
        builder = PARTS[task["path"]]
        parts.append((builder, builder.configured(task["path"], task.get("name"), parameters)))
    return parts


def _is_part(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and {"path"} <= set(task) <= {"path", "name", "parameters"}
        and task["path"] in list(PARTS)
        and isinstance(task.get("parameters"), (dict, type(None)))
    )


def _characters(config: MixtureConfig, once: list[int]) -> list[int]:
    """How many characters of each part are read, of parts that have `once` characters each."""
    if config.ratio is None and config.tokens is None:
        return once
    if config.ratio is not None and config.tokens is not None:
        raise ValueError("`ratio` and `tokens` both say how much of each task is read: leave one of them out.")
    if config.ratio is not None:
        _check_numbers("ratio", config.ratio, len(once), (int, float))
        # Exact, so that the longest part ends with its last line.
        shares = [Fraction(share) for share in config.ratio]
        scale = max(number / share for number, share in zip(once, shares, strict=True))
        characters = [math.ceil(scale * share) for share in shares]
    else:
        _check_numbers("tokens", config.tokens, len(once), (int,))
        characters = list(config.tokens)
        if any(map(operator.lt, characters, once)):
            raise ValueError(
                f"`tokens` (={shorten(config.tokens)}) must be at least {once!r}, what the tasks have in one "
                "reading: else lines that count as seen would never be read. Raise them, or take less of a task."
            )
    if sum(characters) > MOST_CHARACTERS:
        raise ValueError(
            f"The mixture would have {sum(characters):,} characters, of which {MOST_CHARACTERS:,} are possible: take "
            "another `ratio`, or fewer `tokens`."
        )
    return characters


def _check_numbers(name: str, numbers: Any, number_of_tasks: int, types: tuple[type, ...]) -> None:
    fits = isinstance(numbers, (list, tuple)) and len(numbers) == number_of_tasks
    if not fits or not all(type(number) in types and 0 < number < math.inf for number in numbers):
        kind = "whole number" if types == (int,) else "number"
        raise ValueError(
            f"`{name}` must have a {kind} above 0 for each of the {number_of_tasks} `tasks`; got {shorten(numbers)}."
        )


def _num_characters(lines: pa.Table) -> np.ndarray:
    """The characters in the lines up to each, that one included: shape (lines,)."""
    return np.cumsum(pc.utf8_length(lines["text"]).to_numpy())


def _filled(lines: pa.Table, num_characters: int) -> pa.Table:
    """The lines again and again, the fewest that have so many characters."""
    ends = _num_characters(lines)
    readings, rest = divmod(num_characters, int(ends[-1]))
    number = readings * len(lines) + (int(np.searchsorted(ends, rest)) + 1 if rest else 0)
    return lines.take(pa.array(np.arange(number) % len(lines)))
