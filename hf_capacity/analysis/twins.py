"""Rules beside their shuffled twins: how fast a size memorises (T_mem), and how fast it finds the rule (T_gen).

Song & Ye (2026, arXiv 2605.09724).
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..config.arms import SIZES
from ..config.experiment import SEEDS
from ..config.settings import flatten
from .cells import Cell, Ladder, ladders_of
from .times import WATCHED, Curve, Times, times_to_reach, unite_stopped


SHUFFLED = "task.parameters.shuffled_answers"
FEWEST_SIZES = 3


class TwinSize(NamedTuple):
    """A model trained on a rule, and the same on the shuffled answers of its lines.

    Args:
        rule: Trained on the rule.
        twin: Trained on the shuffled answers.
        to_memorise: Steps to 99 % of the shuffled answers, T_mem.
        to_generalise: Steps to 99 % extrapolation of the rule, T_gen.
    """

    rule: Cell
    twin: Cell
    to_memorise: Times
    to_generalise: Times

    @property
    def is_memorised_first(self) -> bool | None:
        """Whether T_mem is below T_gen, by their medians; None where both, or one for too long, are unknown."""
        memorised, generalised = self.to_memorise.median, self.to_generalise.median
        if memorised is None:
            return False if generalised is not None and generalised <= max(self.to_memorise.durations) else None
        if generalised is None:
            return True if memorised <= max(self.to_generalise.durations) else None
        return memorised < generalised


class Twins(NamedTuple):
    """A ladder trained on a rule and on its shuffled answers, small models first."""

    ladder: Ladder
    sizes: list[TwinSize]

    @property
    def crossings(self) -> list[tuple[int, int]]:
        """Numbers of parameters between which T_mem and T_gen cross."""
        known = [size for size in self.sizes if size.is_memorised_first is not None]
        return [
            (small.rule.num_parameters, large.rule.num_parameters)
            for small, large in pairwise(known)
            if small.is_memorised_first != large.is_memorised_first
        ]


def twins_of(cells: Sequence[Cell], curves: dict[str, Curve]) -> list[Twins]:
    """The rules of a study beside their shuffled twins, of three sizes or more.

    A twin is trained as its rule is, but for how long and until when.

    Args:
        cells: All of the study.
        curves: The learning curve of each run, by run id.
    """
    ladders = ladders_of(unite_stopped(cells))
    rules = [ladder for ladder in ladders if "extrapolation" in ladder.cells[0].rates]
    shuffled = [ladder for ladder in ladders if _settings(ladder.cells[0]).get(SHUFFLED) is True]
    found = []
    for rule in rules:
        for twin in (ladder for ladder in shuffled if _training(ladder.cells[0]) == _training(rule.cells[0])):
            twins = {_model(cell): cell for cell in twin.cells}
            sizes = [_pair(cell, twins[_model(cell)], curves) for cell in rule.cells if _model(cell) in twins]
            if len(sizes) >= FEWEST_SIZES:
                found.append(Twins(rule, sizes))
    return found


def _pair(rule: Cell, twin: Cell, curves: dict[str, Curve]) -> TwinSize:
    of_rule, of_twin = ([curves[record["run_id"]] for record in cell.records] for cell in (rule, twin))
    # All that a twin can be asked is what it has read.
    return TwinSize(rule, twin, times_to_reach(of_twin, twin.rates[0]), times_to_reach(of_rule, "extrapolation"))


def _settings(cell: Cell) -> dict[str, Any]:
    return dict(flatten(cell.records[0]["config"]))


def _training(cell: Cell) -> dict[str, Any]:
    """All of a cell's config that a rule and its twin share, whatever the size of the model."""
    return {
        key: value
        for key, value in _settings(cell).items()
        if key not in {*SEEDS, *SIZES, *WATCHED, SHUFFLED, "model.n_inner"} and not key.startswith("stop_when.")
    }


def _model(cell: Cell) -> str:
    return json.dumps(cell.records[0]["config"]["model"], sort_keys=True)
