"""Whether a plan of runs can test its hypotheses, and with what power: before anything starts."""

import math
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

import numpy as np

from ..config.arms import Arms
from ..config.experiment import ExperimentConfig
from ..config.hypotheses import Hypothesis
from ..config.study import estimated_work
from .cells import Cell, cells_of
from .contrasts import shared_seeds
from .hypotheses import SIGNIFICANT, Untestable, design_of, measure, seeds_for, select_groups, weights_of
from .power import ENOUGH, Design, power, runs_needed


class Planned(NamedTuple):
    """What the runs of a plan can say of a hypothesis.

    Args:
        hypothesis: Which.
        num_runs: The planned runs of the cell that has fewest.
        is_paired: Whether they will be compared seed by seed.
        power: To find the smallest difference of interest or, where `same` is expected, that there is none as large.
            None where no variance is known.
        runs_needed: The runs of each cell that have 80 % power, where the planned ones have less.
        seeds_needed: What `seeds=N` has to be for them.
        basis: Where the variance is from; without one, why it is not known.
    """

    hypothesis: Hypothesis
    num_runs: int
    is_paired: bool
    power: float | None = None
    runs_needed: int | None = None
    seeds_needed: int | None = None
    basis: str = ""


def plan_cells(runs: Sequence[ExperimentConfig], arms: Arms) -> list[Cell]:
    """The cells that runs will make, without what they will have found."""
    records = [
        {
            "config": run.to_dict(),
            # Multiplications per character, which go as the parameters do.
            "num_parameters": round(estimated_work(run) / (run.steps * run.batch_size * run.block_size)),
            "last": {"step": run.steps, "counts": {}},
        }
        for run in runs
    ]
    return cells_of(records, arms)


def find_faults(
    hypotheses: Sequence[Hypothesis], cells: Sequence[Cell], rates_of: Callable[[ExperimentConfig], Container[str]]
) -> dict[str, str]:
    """Why hypotheses cannot be tested, by their names; those that can be are left out.

    Args:
        hypotheses: A study's.
        cells: As `plan_cells` gives them.
        rates_of: Which rates the questions of a run have.
    """
    faults = {}
    for hypothesis in hypotheses:
        try:
            groups = select_groups(hypothesis, cells)
        except Untestable as fault:
            faults[hypothesis.name] = str(fault)
            continue
        for cell in groups:
            if hypothesis.rate not in rates_of(ExperimentConfig.from_dict(cell.records[0]["config"])):
                faults[hypothesis.name] = f"{cell.title} has no {hypothesis.rate}"
    return faults


def plan_power(
    hypothesis: Hypothesis, cells: Sequence[Cell], pilot: Sequence[Cell], basis: str, num_hypotheses: int
) -> Planned:
    """The power of planned runs, from a stated standard deviation or from the runs of a pilot.

    Args:
        hypothesis: One that the runs can test.
        cells: As `plan_cells` gives them.
        pilot: Cells of finished runs, perhaps none.
        basis: What they are called; why there are none.
        num_hypotheses: Of the study, for the level of the first of Holm's steps.
    """
    groups = select_groups(hypothesis, cells)
    num_runs = len(shared_seeds(groups)) or min(cell.num_runs for cell in groups)
    planned = Planned(hypothesis, num_runs, bool(shared_seeds(groups)))
    if hypothesis.sd is not None:
        basis, design = f"a standard deviation of {hypothesis.sd:g}", _assumed_design(hypothesis, groups, planned)
    else:
        if not pilot:
            return planned._replace(basis=basis)
        try:
            contrast = measure(hypothesis, select_groups(hypothesis, pilot))
        except Untestable as fault:
            return planned._replace(basis=f"{basis} cannot show it ({fault})")
        if not contrast.standard_error and hypothesis.expect != "same":
            return planned._replace(basis=f"{basis} show no variance")
        design = design_of(hypothesis, contrast, 1)._replace(is_paired=planned.is_paired)
    design = design._replace(level=SIGNIFICANT / num_hypotheses)
    found = power(hypothesis.smallest_difference, num_runs, design)
    needed = runs_needed(hypothesis.smallest_difference, design) if found < ENOUGH else None
    more = {"runs_needed": needed, "seeds_needed": seeds_for(needed, groups)}
    return planned._replace(power=found, basis=basis, **more)


def _assumed_design(hypothesis: Hypothesis, groups: Sequence[Cell], planned: Planned) -> Design:
    """From a standard deviation between runs of a cell; those of the same seeds are taken as uncorrelated, which costs
    power where they resemble each other, and of runs that cross seeds with splits each split as one."""
    is_crossed = any(cell.is_crossed for cell in groups)
    units = min(len({seeds[0] for seeds in cell.seeds}) for cell in groups) if is_crossed else planned.num_runs
    weights = weights_of(hypothesis, groups)
    spread = hypothesis.sd * float(np.linalg.norm(weights))
    return Design(
        standard_error=spread / math.sqrt(units),
        degrees_of_freedom=(1 if planned.is_paired else len(groups)) * (units - 1),
        num_runs=planned.num_runs,
        is_paired=planned.is_paired,
        is_crossed=is_crossed,
        is_trend=hypothesis.trend is not None,
        reach=float(np.abs(weights).sum()) / 2 if hypothesis.expect == "same" else None,
    )
