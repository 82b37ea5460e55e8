"""How long the runs of a plan will take, guessed from steps that were measured."""

import dataclasses
from collections.abc import Sequence
from statistics import median
from typing import Any

from ..config.experiment import ExperimentConfig
from ..config.study import estimated_work


# Seconds a step on one core by `work` a step: the line through the nine cells of model_cards/benchmark, from which the
# farthest of them is 27 % away. Whole lines of different lengths take less than it says.
FIXED_SECONDS = 1.2e-3
SECONDS_A_MULTIPLICATION = 5.1e-11


def estimate_minutes(to_do: Sequence[ExperimentConfig], records: Sequence[dict[str, Any]], num_workers: int) -> float:
    """Guesses the wall-clock minutes of what is left of a study.

    A run counts as long a step as the finished runs of its shape took here, evaluations and checkpoints included. A
    shape that none has yet is guessed from the benchmark's steps, corrected by how the finished shapes compare.

    Args:
        to_do: The runs that are left.
        records: Those that are finished.
        num_workers: Runs at work at once.
    """
    measured: dict[Any, list[float]] = {}
    ratios = []
    for record in records:
        if not record["provenance"]["resumed_from"]:  # of a resumed run only the last session's seconds are known
            run = ExperimentConfig.from_dict(record["config"])
            seconds = record["provenance"]["seconds"] / run.steps
            measured.setdefault(_shape(run), []).append(seconds)
            ratios.append(seconds / _benchmarked_seconds(run))
    ratio = median(ratios) if ratios else 1.0
    seconds = [
        run.steps * (median(measured[_shape(run)]) if _shape(run) in measured else ratio * _benchmarked_seconds(run))
        for run in to_do
    ]
    return max(sum(seconds) / num_workers, *seconds) / 60 if seconds else 0.0


def _benchmarked_seconds(run: ExperimentConfig) -> float:
    return FIXED_SECONDS + SECONDS_A_MULTIPLICATION * estimated_work(run) / run.steps


def _shape(run: ExperimentConfig) -> tuple[Any, ...]:
    """What decides how long a step takes."""
    return run.task.path, dataclasses.replace(run.model, name=None), run.block_size, run.batch_size, run.training_step
