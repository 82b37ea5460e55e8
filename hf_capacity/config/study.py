"""A study file to the runs that it asks for."""

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..boundary.reading import parse_yaml, quote, read_yaml
from .arms import Arms, check_axis
from .experiment import SEEDS, ExperimentConfig
from .hypotheses import Hypothesis, read_hypotheses
from .packaged import packaged_path
from .settings import apply, is_key, settings_of


MOST_SEEDS = 100_000
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
        axes = [[settings_of(axis, entry) for entry in _entries(content)] for axis, content in self.grid.items()]
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


def read_study(source: str, overrides: Sequence[str] = ()) -> Study:
    """Reads a study.

    Args:
        source: A YAML file, or the name of a packaged study such as `quick`.
        overrides: `key=value` each. Where an axis of the grid has an arm of that name, or the value, it selects those
            entries; otherwise it sets the key in every run. `seeds=N` changes the number of seeds of a study that has
            several, and `steps=N` gives up the checkpoints that were to be kept later than that.

    Raises:
        ValueError: There is no such file, or something in it is not as expected.
    """
    path = _find_file(source)
    texts, settings, grid, seeds, resources, hypotheses = _read_blocks(path)
    arms = Arms.of(grid, settings)
    asked = dict(map(_parsed, overrides))
    if "seeds" in asked and not seeds:
        raise ValueError(f"study {path.stem!r} has no `seeds` to change: its YAML would have to name them.")
    if "seeds" in asked:
        seeds = dict.fromkeys(seeds, asked.pop("seeds"))
    hypotheses = read_hypotheses(hypotheses, arms)
    grid, changes = _select(grid | _seed_axes(seeds, taken={*settings, *grid}), asked)
    return Study(
        name=path.stem,
        **texts,
        settings=settings,
        grid=grid,
        resources=_checked_resources(resources),
        changes=changes,
        arms=arms,
        hypotheses=hypotheses,
    )


def _find_file(source: str) -> Path:
    path = Path(source)
    if STUDY_NAME.fullmatch(source) and not path.suffix and not path.is_file():
        path = packaged_path("configs", f"{source}.yaml")
    if not os.path.lexists(path):  # False where a `Path` raises: of 10,000 letters, say
        packaged = sorted(file.stem for file in packaged_path("configs").glob("*.yaml"))
        raise ValueError(f"study {quote(source)} not found: give a YAML file, or one of {', '.join(packaged)}.")
    if not STUDY_NAME.fullmatch(path.stem):
        raise ValueError(
            f"a study's file names its folder, and {quote(path.name)} cannot: take letters, digits, `-`, `_`, `.`, "
            "`+` and spaces, a letter or digit first, at most 100 in all."
        )
    return path


def _read_blocks(path: Path) -> list[Any]:
    """Description and question of a study's file; its settings, grid, seeds, resources and hypotheses."""
    content = read_yaml(path)
    texts, blocks = ("description", "question"), ("settings", "grid", "seeds", "resources", "hypotheses")
    if not isinstance(content, dict) or not set(content) <= {*texts, *blocks}:
        found = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"{path} holds {quote(found)[1:-1] or 'nothing'}: expected the keys "
            f"{', '.join((*texts, *blocks[:-1]))} and {blocks[-1]}."
        )
    found = {block: content.get(block) or {} for block in blocks}
    for key, block in found.items():
        if not isinstance(block, dict):
            raise ValueError(f"`{key}` (={quote(block)}) must be a mapping.")
    for axis, entries in found["grid"].items():
        check_axis(axis, entries)
    if found["hypotheses"] and not content.get("question"):
        raise ValueError("`question` is missing: say in a sentence what the study's hypotheses are to answer.")
    return [{text: _checked_text(text, content.get(text)) for text in texts}, *found.values()]


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


def _entries(content: list[Any] | dict[str, Any]) -> list[Any]:
    return list(content.values()) if isinstance(content, dict) else content


def _selected(axis: str, content: list[Any] | dict[str, Any], key: str, value: Any) -> list[Any] | dict[str, Any]:
    """Those entries of an axis that `key=value` selects: the arm of that name, or all that set the key so."""
    if axis == key and isinstance(content, dict) and isinstance(value, str) and value in content:
        return {value: content[value]}
    taken = [(entry if axis == key else _get(entry, key)) == value for entry in _entries(content)]
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


def _seed_axes(seeds: dict[str, Any], taken: set[str]) -> dict[str, list[Any]]:
    """`{model_seed+data_seed: 2, split_seed: 3}` to two axes: what is joined moves together, the rest is crossed."""
    named = [name for together in seeds for name in together.split("+")]
    if not set(named) <= set(SEEDS) or len(set(named)) < len(named):
        raise ValueError(
            f"`seeds` (={quote(seeds)}) must name each of {', '.join(SEEDS)} at most once, those that move together "
            "joined by a plus sign, such as {model_seed+data_seed: 3, split_seed: 10}."
        )
    if set(named) & taken:
        raise ValueError(f"`seeds` has {', '.join(sorted(set(named) & taken))}, which settings or grid set too.")
    for together, number in seeds.items():
        if type(number) is not int or not 1 <= number <= MOST_SEEDS:
            raise ValueError(f"`seeds.{together}` (={quote(number)}) must be a whole number from 1 to {MOST_SEEDS:,}.")
    return {
        together: [
            seed if together in SEEDS else dict.fromkeys(together.split("+"), seed) for seed in range(1, number + 1)
        ]
        for together, number in seeds.items()
    }


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
