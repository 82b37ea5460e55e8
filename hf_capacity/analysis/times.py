"""How long runs take to reach a rate: T_fit and T_grok, the delay between them, and T_mem and T_gen of size."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..config.experiment import SEEDS
from .cells import REACHED, Cell
from .statistics import first_lasting, median_time


# Settings that say how long and how often a run is watched: a slow one longer, and a twin not as its rule is.
WATCHED = {"steps", "eval_steps", "save_steps", "keep_checkpoints"}

Curve = Sequence[dict[str, Any]]


class Times(NamedTuple):
    """How long each run took to get somewhere; one that never did is censored at its last step, not dropped.

    Args:
        durations: In steps: until it got there or, if it did not, as long as it was watched.
        reached: Whether it got there.
    """

    durations: list[int]
    reached: list[bool]

    @property
    def num_reached(self) -> int:
        """How many runs got there."""
        return sum(self.reached)

    @property
    def median(self) -> float | None:
        """Kaplan and Meier's median, in steps; None where half of the runs or more were never seen to get there."""
        return median_time(self.durations, self.reached).estimate if self.durations else None


def times_to_reach(curves: Sequence[Curve], rate: str) -> Times:
    """Steps to a rate: the first of three consecutive evaluations at 99 % or more.

    Args:
        curves: The learning curve of each run.
        rate: A column of theirs: `fit`, `extrapolation` or `recall`.
    """
    first = [_first_reached(curve, rate) for curve in curves]
    ends = [curve[-1]["step"] for curve in curves]
    durations = [end if step is None else step for step, end in zip(first, ends, strict=True)]
    return Times(durations, [step is not None for step in first])


def delays(curves: Sequence[Curve]) -> Times:
    """Steps from fit to extrapolation, of the runs that fit; below 0 where extrapolation came first."""
    fitted = [curve for curve in curves if _first_reached(curve, "fit") is not None]
    fit, extrapolation = (times_to_reach(fitted, rate) for rate in ("fit", "extrapolation"))
    durations = [late - early for early, late in zip(fit.durations, extrapolation.durations, strict=True)]
    return Times(durations, extrapolation.reached)


def unite_stopped(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with all runs of one config in one, those that stopped early and those that did not.

    Elsewhere they are apart. Times until something would be biased by that: those in full are the censored ones.
    """
    united: dict[str, Cell] = {}
    for cell in cells:
        config = {key: value for key, value in cell.records[0]["config"].items() if key not in SEEDS}
        settings = ", ".join(part for part in cell.settings.split(", ") if not part.startswith("run="))
        identity = json.dumps(config, sort_keys=True)
        before = united[identity].records if identity in united else ()
        united[identity] = dataclasses.replace(cell, settings=settings, records=before + cell.records)
    return list(united.values())


def _first_reached(curve: Curve, rate: str) -> int | None:
    return first_lasting([row["step"] for row in curve], [row[rate] >= REACHED for row in curve])
