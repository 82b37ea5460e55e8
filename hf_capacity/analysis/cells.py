"""Runs to cells: runs that differ in nothing but their seeds are one cell, measured n times."""

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..config.arms import Arm, Arms
from ..config.experiment import SEEDS
from ..config.settings import flatten
from ..runs.curve import is_papers
from .intervals import (
    RATE,
    Interval,
    VarianceShares,
    crossed_interval,
    mean_interval,
    share_interval,
    variance_of_the_mean,
    variance_shares,
)
from .labels import model_label, spell_differing, task_label
from .paper import TASKS_OF_THE_PAPER
from .rates import RATES, rates_by_kind, read_rate


Record = dict[str, Any]

# A rate is reached at the first of three evaluations in a row at this or more, as grokking is usually measured.
REACHED = 0.99
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


class Mean(NamedTuple):
    """A mean over runs, its 95 % interval, and the runs themselves, which are all there is to show below five."""

    value: float
    interval: Interval | None
    values: tuple[float, ...] = ()


class Share(NamedTuple):
    """In how many of n runs something happened, and the 95 % interval of that rate, None below five runs."""

    count: int
    total: int
    interval: Interval | None


@dataclasses.dataclass(frozen=True)
class Cell:
    """The runs of one config, whatever their seeds.

    Args:
        task: What tables and figures call the training set.
        model: What they call the model.
        arms: The arms that the study's author has named, but for those that are the model's name.
        settings: What of the config sets it apart from other cells of the same task, model and arms, or nothing.
        records: The run records, by seed.
        arms_of_model: The arms that are the model's name.
    """

    task: str
    model: str
    arms: tuple[Arm, ...]
    settings: str
    records: tuple[Record, ...]
    arms_of_model: tuple[Arm, ...] = ()

    @property
    def differs(self) -> str:
        """What sets it apart from other cells of the same task and model, or nothing."""
        return ", ".join([*(arm.name for arm in self.arms), *filter(None, [self.settings])])

    @property
    def rung(self) -> str:
        """What the ladder calls its model, whatever the study's author does."""
        return model_label(self.records[0])

    @property
    def num_runs(self) -> int:
        return len(self.records)

    @property
    def num_parameters(self) -> int:
        return self.records[0]["num_parameters"]

    @property
    def model_type(self) -> str | None:
        """The type of the model where it is not the ladder's."""
        return self.records[0]["config"]["model"].get("model_type")

    @property
    def seeds(self) -> list[tuple[int, ...]]:
        """The seeds of every run: of split, weights and windows."""
        return list(map(_seeds, self.records))

    @property
    def title(self) -> str:
        """What it was trained on, and how."""
        return _title(self)

    @property
    def is_papers(self) -> bool:
        """Whether its questions are the paper's, so that the paper's figures and claims are about the same."""
        return all(is_papers(record["last"]) for record in self.records)

    @property
    def rates(self) -> list[str]:
        """Which rates its questions have."""
        return [rate for rate in RATES if rate in self.records[0]["last"]["counts"]]

    @cached_property
    def rates_by_kind(self) -> list[str]:
        """Which rates of single kinds of question all its runs have: `extrapolation of subtraction`."""
        return rates_by_kind(self.records)

    @cached_property
    def is_crossed(self) -> bool:
        """Whether runs share seeds, and others share splits: then they are not independent of each other."""
        splits = {record["config"]["split_seed"] for record in self.records}
        return len(splits) < self.num_runs and len({_weights_and_windows(record) for record in self.records}) < (
            self.num_runs
        )

    def values(self, rate: str, part: str = "last") -> list[float]:
        """A rate, also of a kind (`extrapolation of subtraction`), or the loss, of every run: of its last checkpoint,
        or of the paper's choice (`best_on_withheld`)."""
        return [read_rate(record, rate, part) for record in self.records]

    def mean(self, values: Sequence[float], bounds: Interval | None = RATE) -> Mean:
        """The mean of one number a run, in the order of `records`: a rate, unless it has other bounds or none."""
        crossed = self.is_crossed
        interval = crossed_interval(self._crossed(values), bounds) if crossed else mean_interval(values, bounds)
        return Mean(float(np.mean(values)), interval, tuple(map(float, values)))

    def share(self, happened: Sequence[bool]) -> Share:
        """In how many runs something happened."""
        count, total = sum(happened), len(happened)
        interval = crossed_interval(self._crossed(happened), RATE) if self.is_crossed else share_interval(count, total)
        return Share(count, total, interval)

    def variance_shares(self, values: Sequence[float]) -> VarianceShares | None:
        """Of one number a run, how much of its variance comes from seeds and how much from pairs, if they cross."""
        return variance_shares(self._crossed(values)) if self.is_crossed else None

    def precision(self, values: Sequence[float]) -> tuple[float, float]:
        """Of the mean of one number a run: its variance, and the degrees of freedom of that."""
        if self.is_crossed:
            return variance_of_the_mean(self._crossed(values))
        return float(np.var(values, ddof=1)) / len(values), len(values) - 1

    def units(self, values: Sequence[float]) -> list[float]:
        """What tests may take as independent: one number a run or, of a crossed cell, one mean a seed or a split,
        whichever there are fewer of."""
        if not self.is_crossed:
            return list(values)
        table_SP = self._crossed(values)
        return np.nanmean(table_SP, axis=int(table_SP.shape[0] <= table_SP.shape[1])).tolist()

    def all_right(self, rate: str, part: str = "last") -> list[bool]:
        """Of every run, whether it gets every question of a rate right."""
        return [value == 1 for value in self.values(rate, part)]

    def late_shares(self) -> list[float]:
        """Of every run, the share of its late evaluations in which every withheld question is right."""
        return [np.divide(*record["late_evaluations_solved"]) for record in self.records]

    def _crossed(self, values: Sequence[float]) -> np.ndarray:
        seeds = sorted({_weights_and_windows(record) for record in self.records})
        splits = sorted({record["config"]["split_seed"] for record in self.records})
        table_SP = np.full((len(seeds), len(splits)), np.nan)
        for record, value in zip(self.records, values, strict=True):
            row, column = seeds.index(_weights_and_windows(record)), splits.index(record["config"]["split_seed"])
            table_SP[row, column] = value
        return table_SP


def cells_of(records: Sequence[Record], arms: Arms | None = None) -> list[Cell]:
    """Groups runs to cells: the paper's tasks first, then by what sets them apart, small models first.

    Args:
        records: Run records (see `results`), in any order.
        arms: The arms of their study, as `read_arms` reads them; without, cells go by their settings alone.
    """
    arms = arms or Arms()
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(_identity(record), []).append(record)
    cells = []
    for runs in groups.values():
        found = arms.find(runs[0]["config"])
        models = tuple(arm for axis, arm in found.items() if arms.names_models(axis))
        others = tuple(arm for axis, arm in found.items() if not arms.names_models(axis))
        model = " ".join(arm.name for arm in models) or model_label(runs[0])
        cells.append(Cell(task_label(runs[0]), model, others, "", tuple(sorted(runs, key=_seeds)), models))
    settings = [_settings(cell.records[0]) for cell in cells]
    apart = []
    for cell, own in zip(cells, settings, strict=True):
        peers = [
            other
            for peer, other in zip(cells, settings, strict=True)
            if (peer.task, peer.model) == (cell.task, cell.model) and set(cell.arms) <= set(peer.arms)
        ]
        apart.append(dataclasses.replace(cell, settings=spell_differing(own, peers)))
    return sorted(apart, key=_place)


def setting_titles(cells: Sequence[Cell]) -> list[str]:
    """Of each cell, what it was trained on, and how that differs from others on the same, whatever their models.

    A cell's own `settings` compare it with cells of the same model only; what they say of it is included here too.
    """
    settings = [
        {key: value for key, value in _settings(cell.records[0]).items() if not key.startswith("model.")}
        for cell in cells
    ]
    titles = []
    for cell, own in zip(cells, settings, strict=True):
        alike = [
            other
            for peer, other in zip(cells, settings, strict=True)
            if peer.task == cell.task and set(cell.arms) <= set(peer.arms)
        ]
        names = [arm.name for arm in cell.arms]
        of_model = [part for part in cell.settings.split(", ") if part.startswith("model.")]
        titles.append(", ".join(filter(None, (cell.task, *names, spell_differing(own, alike), *of_model))))
    return titles


class Ladder(NamedTuple):
    """Cells that differ in the sizes of their models only, small ones first."""

    task: str
    differs: str
    cells: list[Cell]

    @property
    def title(self) -> str:
        """What they were trained on, and how."""
        return _title(self)


def ladders_of(cells: Sequence[Cell]) -> list[Ladder]:
    """Groups cells to ladders, in the order of the cells; two models of one size (more heads, say) stand on two."""
    ladders, of_size = {}, Counter()
    for cell in cells:
        name = (cell.task, ", ".join(filter(None, (cell.model_type, cell.differs))))
        ladders.setdefault((*name, of_size[*name, cell.num_parameters]), []).append(cell)
        of_size[*name, cell.num_parameters] += 1
    return [Ladder(*name[:2], sorted(rungs, key=lambda cell: cell.num_parameters)) for name, rungs in ladders.items()]


def _title(group: "Cell | Ladder") -> str:
    return group.task + (f", {group.differs}" if group.differs else "")


def _settings(record: Record) -> dict[str, Any]:
    # Where a run was planned by exposures, its steps follow from them.
    left_out = {*SEEDS, *(["steps"] if "exposures" in record["config"] else [])}
    settings = {key: value for key, value in flatten(record["config"]) if key not in left_out}
    return settings | ({"run": "stopped early" if _stopped_early(record) else "in full"} if _may_stop(record) else {})


def _identity(record: Record) -> str:
    config = {key: value for key, value in record["config"].items() if key not in SEEDS}
    return json.dumps([config, _may_stop(record) and _stopped_early(record)], sort_keys=True)


def _may_stop(record: Record) -> bool:
    return "stop_when" in record["config"]


def _stopped_early(record: Record) -> bool:
    """Such runs had fewer steps than others: they are cells of their own."""
    return record["last"]["step"] < record["config"]["steps"]


def _seeds(record: Record) -> tuple[int, ...]:
    return tuple(record["config"][seed] for seed in ("split_seed", "model_seed", "data_seed"))


def _weights_and_windows(record: Record) -> tuple[int, int]:
    return record["config"]["model_seed"], record["config"]["data_seed"]


def _place(cell: Cell) -> tuple:
    path = cell.records[0]["config"]["task"]["path"]
    rank = TASKS_OF_THE_PAPER.index(path) if path in TASKS_OF_THE_PAPER else len(TASKS_OF_THE_PAPER)
    # Arms as their author lists them, and what has none after them.
    arms = [arm.place for arm in cell.arms] or [math.inf]
    # Numbers by their size: 32 strings come before 128. Every other piece of the split is one.
    settings = [float(piece) if place % 2 else piece for place, piece in enumerate(NUMBER.split(cell.settings))]
    return rank, cell.task, arms, settings, cell.num_parameters, cell.model
