"""What short rows and small batches cost, for `benchmark.py`: padding behind lines, and a run's work between steps."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from ways_to_step import WARM_UP, Cell, mean_ms, our_step

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.batches import Batches
from hf_capacity.training.steps import build_loss


def at_full_length(batches: Batches) -> Batches:
    """The same rows, each with one more target at its end, so that the kernel has to go all the way."""
    rows_WT = batches.windows_WT.clone()
    rows_WT[:, -1].clamp_(min=0)
    batches.windows_WT = rows_WT
    return batches


def kernel_alone(cell: Cell, batches: Batches, warm_up: int) -> float:
    """Loss and gradients of batches that are drawn before."""
    loss, drawn, ends = build_loss("fused", cell.model(), cell.config), list(batches), []
    for batch in drawn:
        loss.backward(**batch)
        ends.append(time.perf_counter())
    return mean_ms(ends[warm_up:])


def measure_lengths(config: ExperimentConfig, rounds: int, steps: int) -> dict[str, Any]:
    """Lines taken by their length and, as before, all as far as the longest: the kernel alone, and whole steps."""
    cell, warm_up = Cell(config), min(WARM_UP, steps // 3)
    ways = {
        "kernel": lambda: kernel_alone(cell, cell.batches(steps), warm_up),
        "kernel_full": lambda: kernel_alone(cell, at_full_length(cell.batches(steps)), warm_up),
        "step": lambda: our_step(cell, steps, warm_up),
        "step_full": lambda: our_step(cell, steps, warm_up, at_full_length(cell.batches(steps))),
    }
    targets_WT = cell.batches(1).windows_WT[:, 1:]
    return {
        "task": config.task.path,
        "model": config.model.label,
        "batch_size": config.batch_size,
        "longest": targets_WT.shape[1],
        "share_of_targets": (targets_WT >= 0).float().mean().item(),
        **_in_turns(ways, rounds, {"kernel_ratio": ("kernel_full", "kernel"), "step_ratio": ("step_full", "step")}),
        "rounds": rounds,
        "steps": steps - warm_up - 1,
    }


def measure_overhead(config: ExperimentConfig, rounds: int, steps: int) -> dict[str, Any]:
    """A step beside the kernel's share of it: the rest is batch, clipping, optimiser, schedule and `Trainer`."""
    cell, warm_up = Cell(config), min(WARM_UP, steps // 3)
    ways = {
        "step": lambda: our_step(cell, steps, warm_up),
        "kernel": lambda: kernel_alone(cell, cell.batches(steps), warm_up),
    }
    found = _in_turns(ways, rounds, {})
    return {
        "task": config.task.path,
        "model": config.model.label,
        "batch_size": config.batch_size,
        **found,
        "between_ms": found["step_ms"] - found["kernel_ms"],
        "rounds": rounds,
        "steps": steps - warm_up - 1,
    }


def _in_turns(
    ways: dict[str, Callable[[], float]], rounds: int, ratios: dict[str, tuple[str, str]]
) -> dict[str, float]:
    """Medians over rounds of what each way takes, and of the ratios of two of them within a round."""
    taken = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
    return {
        **{f"{name}_ms": statistics.median(turn[name] for turn in taken) for name in ways},
        **{
            name: statistics.median(turn[above] / turn[below] for turn in taken)
            for name, (above, below) in ratios.items()
        },
    }
