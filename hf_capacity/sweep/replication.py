"""A finished study's plan again, with seeds and withheld pairs that it has not had."""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dataset_builders import task_source

from ..boundary.reading import quote
from ..config.arms import Arms
from ..config.experiment import SEEDS
from ..config.hypotheses import Hypothesis
from ..config.seeds import check_seeds, count_pairs, distinct_tasks, own_split_seeds, rotation_of, seed_axes
from ..config.selections import takes
from ..config.study import STUDY_NAME, Study
from ..runs.claim import read_arms, read_description
from ..runs.kept import load_records
from ..runs.records import is_of_this_protocol
from ..runs.statement import read_statement


Config = dict[str, Any]
Grid = dict[str, list[Any]]


def plan_replication(folder: Path, name: str, asked: dict[str, Any], seeds: Any = None) -> Study:
    """The plan of a replication: the study's cells with fresh seeds, which follow from its records and the new name.

    Model and data seeds are the first that no record has. Split seeds are those of a study with pairs of its own, the
    ones whose pairs the study withheld last; of a study about a task from elsewhere they stay. Of a part of the study
    they are the same as of the whole. The study's hypotheses are stated again.

    Args:
        folder: The study that is replicated.
        name: What the replication is called.
        asked: Which part of it is: values by axis or by key of a run.
        seeds: As in a study's YAML; a number, or `all`, is that of all three together. None: each seed of the study
            has a fresh one in its place.

    Raises:
        ValueError: The study has no such runs, they are of an earlier protocol, `name` is none, or `seeds` are not
            possible.
    """
    if not STUDY_NAME.fullmatch(name):
        raise ValueError(f"`--output` names the replication, which cannot be called {quote(name)}: name a folder.")
    records, arms = load_records(folder), read_arms(folder)
    if not is_of_this_protocol(records[0]):
        raise ValueError(f"{folder} holds runs of an earlier protocol: they cannot be replicated under this one.")
    configs = [record["config"] for record in records]
    selected = [config for config in configs if takes(asked, config, _names(arms, config))]
    if not selected:
        parts = " ".join(f"{key}={value}" for key, value in asked.items())
        raise ValueError(f"no run of {folder} has {quote(parts)}: `hf-capacity results {folder}` lists them.")
    fresh = fresh_seeds(configs, name)
    grid = _replaced(selected, configs, fresh) if seeds is None else _redesigned(selected, seeds, fresh)
    study, stated = records[0]["study"], read_statement(folder)
    return Study(
        name=name,
        description=" ".join(filter(None, [f"{study} again, with fresh seeds.", read_description(folder)])),
        grid=grid,
        arms=arms,
        question=stated.question,
        hypotheses=tuple(_stated_again(hypothesis, study) for hypothesis in stated.hypotheses),
    )


def _stated_again(hypothesis: Hypothesis, study: str) -> Hypothesis:
    """A hypothesis as the replication states it, before its own runs, and with the original as its pilot."""
    has_pilot = hypothesis.sd is not None or hypothesis.pilot is not None
    return dataclasses.replace(hypothesis, is_post_hoc=False, pilot=hypothesis.pilot if has_pilot else study)


def fresh_seeds(configs: Sequence[Config], name: str) -> dict[str, Iterator[int]]:
    """Values of each seed that no run of a study has, one after the other; none of `split_seed` where a task is from
    elsewhere, whose rows say what is withheld.

    Args:
        configs: Those of all its runs.
        name: The study that is to have them.
    """
    used = {seed: {config[seed] for config in configs} for seed in SEEDS}
    trained = used["model_seed"] | used["data_seed"]
    fresh = {
        "model_seed": (seed for seed in itertools.count(1) if seed not in trained),
        "data_seed": (seed for seed in itertools.count(1) if seed not in trained),
    }
    if any(task_source(config["task"]["path"]) != "packaged" for config in configs):
        return fresh
    rotations = {rotation_of(task) for task in distinct_tasks(configs)} - {None}
    splits = own_split_seeds(name, min(rotations, default=1), used["split_seed"])
    return fresh | {"split_seed": (seed for seed in splits if seed not in used["split_seed"])}


def _replaced(selected: Sequence[Config], configs: Sequence[Config], fresh: dict[str, Iterator[int]]) -> Grid:
    """Runs as they were, each seed that there are fresh ones of replaced by the same one throughout."""
    had = {seed: sorted({config[seed] for config in configs}) for seed in fresh}
    instead = {seed: dict(zip(had[seed], fresh[seed], strict=False)) for seed in fresh}
    return {"run": [config | {seed: instead[seed][config[seed]] for seed in fresh} for config in selected]}


def _redesigned(selected: Sequence[Config], seeds: Any, fresh: dict[str, Iterator[int]]) -> Grid:
    """The cells of runs, each with the same fresh seeds; what `seeds` does not name has one value."""
    seeds = seeds if seeds and isinstance(seeds, dict) else {"+".join(fresh): seeds}
    check_seeds(seeds)
    named = "+".join(seeds).split("+")
    if not set(named) <= set(fresh):
        raise ValueError(
            f"`--seeds` (={quote(seeds)}) names split_seed, which draws nothing of a task from elsewhere: name "
            f"{' and '.join(fresh)}."
        )
    axes = seed_axes(count_pairs(seeds, distinct_tasks(selected)), fresh)
    others = {seed: next(fresh[seed]) for seed in fresh if seed not in named}
    cells = {json.dumps(config | dict.fromkeys(fresh), sort_keys=True): config for config in selected}
    settings = [{key: value for key, value in config.items() if key not in fresh} for config in cells.values()]
    return {"cell": [setting | others for setting in settings], **axes}


def _names(arms: Arms, config: Config) -> dict[str, str]:
    return {axis: arm.name for axis, arm in arms.find(config).items()}
