"""A study file to the runs that it asks for."""

import dataclasses
import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..boundary.reading import parse_yaml, quote, read_yaml
from .arms import Arms, check_axis
from .experiment import SEEDS, ExperimentConfig
from .hypotheses import Hypothesis, read_hypotheses
from .own_task import blocks_of_task
from .packaged import packaged_path, packaged_studies
from .seeds import check_seeds, count_pairs, own_split_seeds, seed_axes, shortest_rotation, tasks_of
from .settings import apply, entries_of, is_key, settings_of


# Of a study: more would not fit into a folder that a person can look at, nor their configs into memory.
MOST_RUNS = 100_000
# What can be the name of a folder and of a repository, everywhere.
STUDY_NAME = re.compile(r"[^\W_][\w.+ -]{0,98}[\w+-]|[^\W_]")
# What one run needs of a machine.
RESOURCES = {"num_cpus": 1, "num_gpus": 0}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A grid of runs.

    Args:
        name: The file's name without its ending.
        description: What the study asks, in a sentence or two.
        settings: Keys of `ExperimentConfig` that all runs share.
        grid: Axes; every combination of one entry of each is a run. The entries of an axis named as a key of
            `ExperimentConfig`, dotted where it lies deeper (`model.dropout`), are that key's values; under any other
            name each is a mapping that sets several keys. Each axis comes on top of those before it.
        resources: What a run needs, for engines that have more than one kind of machine: `num_cpus`, `num_gpus`.
        changes: Keys changed in every run, dotted likewise.
        arms: The named axes, whole even where an override selects of them.
        question: The one that it is to answer.
        hypotheses: What it expects, stated before its runs, whole likewise.
        source: What `hf-capacity run` takes to do it, where that is no packaged study: a file or a task's folder.
    """

    name: str
    description: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, list[Any] | dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, float] = field(default_factory=lambda: dict(RESOURCES))
    changes: dict[str, Any] = field(default_factory=dict)
    arms: Arms = field(default_factory=Arms)
    question: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    source: str = ""

    @property
    def num_runs(self) -> int:
        """How many runs it expands to."""
        return math.prod(map(len, self.grid.values()))

    def runs(self) -> list[ExperimentConfig]:
        """The runs, the longest first: so that no core is left with a long one at the end.

        Raises:
            ValueError: A run is impossible, there is none, there are too many, or two are the same.
        """
        if self.num_runs > MOST_RUNS:
            raise ValueError(
                f"study {self.name!r} expands to {self.num_runs:,} runs, of which {MOST_RUNS:,} are possible: take "
                "less of its grid."
            )
        axes = [[settings_of(axis, entry) for entry in entries_of(content)] for axis, content in self.grid.items()]
        runs = []
        for combination in itertools.product(*axes):
            settings = self.settings
            for entry in (*combination, self.changes):
                settings = apply(settings, entry)
            if "steps" in self.changes and "keep_checkpoints" not in self.changes:
                settings = _without_later_checkpoints(settings)
            runs.append(ExperimentConfig.from_dict(settings))
        twice = sorted(run_id for run_id, number in Counter(run.run_id for run in runs).items() if number > 1)
        if twice:
            more = f" and {len(twice) - 3} more" if len(twice) > 3 else ""
            raise ValueError(
                f"study {self.name!r} asks for the same run more than once: {', '.join(twice[:3])}{more}. Is an entry "
                "of its grid there twice, or does an override set what set them apart? Select one cell by its values, "
                "such as block_size=9."
            )
        return sorted(runs, key=estimated_work, reverse=True)


def read_study(source: str, overrides: Mapping[str, Any] | Sequence[str] = ()) -> Study:
    """Reads a study.

    Args:
        source: A YAML file, the name of a packaged study such as `quick`, or the folder of a task.
        overrides: `key=value` each, or a mapping of keys to values. Where an axis of the grid has an arm of that name,
            or the value, it selects those entries; otherwise it sets the key in every run. `seeds=N` changes the
            number of seeds of a study that has several, and `steps=N` gives up the checkpoints that were to be kept
            later than that.

    Raises:
        ValueError: There is no such file, or something in it is not as expected.
    """
    path = _find_file(source)
    blocks = blocks_of_task(path) if path.is_dir() else _read_blocks(path)
    texts, pairs, settings, grid, seeds, resources, hypotheses = blocks
    arms = Arms.of(grid, settings)
    asked = dict(overrides) if isinstance(overrides, Mapping) else parse_overrides(overrides)
    if "seeds" in asked and not seeds:
        raise ValueError(f"study {_name_of(path)!r} has no `seeds` to change: its YAML would have to name them.")
    if "seeds" in asked:
        seeds = dict.fromkeys(seeds, asked.pop("seeds"))
    plan = Study(
        name=_name_of(path),
        **texts,
        settings=settings,
        grid=grid,
        resources=_checked_resources(resources),
        arms=arms,
        hypotheses=read_hypotheses(hypotheses, arms),
        source="" if source in packaged_studies() else _source_without_home(path),
    )
    grid, changes = _select(grid | _seed_axes(plan, pairs, seeds, asked), asked)
    return dataclasses.replace(plan, grid=grid, changes=changes)


def _find_file(source: str) -> Path:
    path = Path(source)
    if STUDY_NAME.fullmatch(source) and not path.suffix and not path.is_file():
        packaged = packaged_path("configs", f"{source}.yaml")
        path = packaged if packaged.exists() or not path.is_dir() else path
    if not os.path.lexists(path):  # False where a `Path` raises: of 10,000 letters, say
        known = ", ".join(packaged_studies())
        raise ValueError(f"study {quote(source)} not found: give a YAML file, a task's folder, or one of {known}.")
    check_name(_name_of(path), path.name)
    return path


def _name_of(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _source_without_home(path: Path) -> str:
    """How a study's folder names a path, which others may read: of one that begins at the root by its last part."""
    return f"PATH/{path.name}" if path.is_absolute() else str(path)


def check_name(name: str, file: str) -> None:
    """A `ValueError` if a study, of a file or a folder that messages call `file`, cannot have this name."""
    if not STUDY_NAME.fullmatch(name):
        raise ValueError(
            f"a study's file names its folder, and {quote(file)} cannot: take letters, digits, `-`, `_`, `.`, "
            "`+` and spaces, a letter or digit first, at most 100 in all."
        )


def _read_blocks(path: Path) -> list[Any]:
    """Description and question of a study's file; its pairs, settings, grid, seeds, resources and hypotheses."""
    content = read_yaml(path)
    texts, blocks = ("description", "question"), ("settings", "grid", "seeds", "resources", "hypotheses")
    if not isinstance(content, dict) or not set(content) <= {*texts, "pairs", *blocks}:
        found = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"{path} holds {quote(found)[1:-1] or 'nothing'}: expected the keys "
            f"{', '.join((*texts, 'pairs', *blocks[:-1]))} and {blocks[-1]}. "
            "(`hf-capacity prepare` makes a task of data.)"
        )
    found = {block: content.get(block) or {} for block in blocks}
    for key, block in found.items():
        if not isinstance(block, dict):
            raise ValueError(f"`{key}` (={quote(block)}) must be a mapping.")
    for axis, entries in found["grid"].items():
        check_axis(axis, entries)
    if found["hypotheses"] and not content.get("question"):
        raise ValueError("`question` is missing: say in a sentence what the study's hypotheses are to answer.")
    pairs, names = content.get("pairs"), {name for together in found["seeds"] for name in together.split("+")}
    if pairs not in (None, "own") or (pairs and "split_seed" not in names):
        raise ValueError(f"`pairs` (={quote(pairs)}) must be `own`, beside a `split_seed` in `seeds`, or left out.")
    return [{text: _checked_text(text, content.get(text)) for text in texts}, pairs, *found.values()]


def _seed_axes(plan: Study, pairs: str | None, seeds: dict[str, Any], asked: dict[str, Any]) -> dict[str, list[Any]]:
    """The axes of a study's seeds.

    Args:
        plan: The study without them.
        pairs: `own` where its split seeds are.
        seeds: How many there are.
        asked: What overrides select and set.
    """
    check_seeds(seeds, taken={*plan.settings, *plan.grid})
    selected, changes = _select(plan.grid, asked)
    takes_all = "all" in seeds.values()
    counted = count_pairs(seeds, tasks_of(plan.settings, selected, changes)) if takes_all else seeds
    split_seeds: Iterable[int] = itertools.count(1)
    if pairs == "own":
        # Of a part of a study as of the whole, but where it is to take every pair of that part.
        grid = selected if takes_all else {axis: plan.grid[axis] for axis in selected}
        split_seeds = own_split_seeds(plan.name, shortest_rotation(tasks_of(plan.settings, grid, changes)))
    return seed_axes(counted, {name: itertools.count(1) for name in SEEDS} | {"split_seed": split_seeds})


def _select(grid: dict[str, Any], asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The grid with those entries that overrides select, and what the others change in every run."""
    grid, changes = dict(grid), {}
    for key, value in asked.items():
        for axis, content in grid.items():
            selected = _selected(axis, content, key, value)
            if selected:
                grid[axis] = selected
                break
        else:
            _check_no_name(key, value, grid.pop(key, None))
            changes[key] = value
    return grid, changes


def _selected(axis: str, content: list[Any] | dict[str, Any], key: str, value: Any) -> list[Any] | dict[str, Any]:
    """Those entries of an axis that `key=value` selects: the arm of that name, or all that set the key so."""
    if axis == key and isinstance(content, dict) and isinstance(value, str) and value in content:
        return {value: content[value]}
    taken = [(entry if axis == key else _get(entry, key)) == value for entry in entries_of(content)]
    if isinstance(content, dict):
        return dict(itertools.compress(content.items(), taken))
    return list(itertools.compress(content, taken))


def _check_no_name(key: str, value: Any, content: list[Any] | dict[str, Any] | None) -> None:
    """Refuses an override of a named axis that can only be meant for an arm, and that names none."""
    if not isinstance(content, dict):
        return
    takes_text = any(isinstance(entry, str | dict) for entry in content.values())
    if not is_key(key) or (isinstance(value, str) and not takes_text):
        raise ValueError(f"`{quote(key)[1:-1]}` has no arm {quote(value)}; it has {', '.join(content)}.")


def _checked_text(key: str, text: Any) -> str:
    if not isinstance(text, str | None):
        raise ValueError(f"`{key}` (={quote(text)}) must be text.")
    return (text or "").strip()


def _checked_resources(resources: dict[str, Any]) -> dict[str, float]:
    for name, number in resources.items():
        if name not in RESOURCES:
            raise ValueError(f"unknown key `resources.{quote(name)[1:-1]}`; known: {', '.join(RESOURCES)}")
        if type(number) not in (int, float) or not 0 <= number < float("inf"):
            raise ValueError(f"`resources.{name}` (={quote(number)}) must be a number, such as 1 or 0.25.")
    return RESOURCES | resources


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """`key=value` each, as keys and the values that YAML takes them for.

    Raises:
        ValueError: One is of another form, or a key is given twice.
    """
    parsed = list(map(_parsed, overrides))
    for key, times in Counter(key for key, _ in parsed).items():
        if times > 1:
            raise ValueError(
                f"`{quote(key)[1:-1]}` is given {times} times. Give it once, and each value to its own command."
            )
    return dict(parsed)


def _parsed(override: str) -> tuple[str, Any]:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ValueError(f"{quote(override)} is not of the form key=value, such as steps=100.")
    return key, parse_yaml(value, f"the value of `{quote(key)[1:-1]}`")


def _get(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


def _without_later_checkpoints(settings: dict[str, Any]) -> dict[str, Any]:
    kept, steps = settings.get("keep_checkpoints"), settings["steps"]
    if not isinstance(kept, list) or not isinstance(steps, int):
        return settings
    return settings | {"keep_checkpoints": [step for step in kept if not isinstance(step, int) or step <= steps]}


def estimated_work(run: ExperimentConfig) -> float:
    """Roughly the multiplications of a run: enough to order runs by, and to guess their time."""
    model = run.model
    if model.num_parameters is not None:
        multiplications = model.num_parameters
    else:
        n_inner = model.n_inner or 4 * model.n_embd  # what most types have
        multiplications = model.n_layer * model.n_embd * (4 * model.n_embd + 2 * n_inner + 2 * run.block_size)
    return run.steps * run.batch_size * run.block_size * multiplications
