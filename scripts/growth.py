"""Time and memory of loss and gradients against width, depth, batch and block, for `benchmark.py`."""

import itertools
import multiprocessing
import re
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from hf_capacity.config.model import ModelConfig
from hf_capacity.models.build import build_model
from hf_capacity.training.kernel import FusedLoss
from hf_capacity.training.steps import window_loss


GROWTH_BASE = {"width": 28, "depth": 1, "batch": 576, "block": 24}
GROWTH = {"width": (14, 28, 56, 112), "depth": (1, 2, 4), "batch": (144, 288, 576, 1152), "block": (6, 12, 24, 48)}
VOCABULARY = 66


def _one_size(*, width: int, depth: int, batch: int, block: int, fused: bool, repeats: int, line: Connection) -> None:
    model = build_model(
        ModelConfig(n_layer=depth, n_head=1, n_embd=width, n_inner=width), VOCABULARY, block, model_seed=0
    )
    windows = torch.randint(VOCABULARY, (batch, block + 1))
    loss = FusedLoss(model) if fused else None
    before = resident_memory("VmRSS")
    ends = [time.perf_counter()]
    for _ in range(repeats):
        loss.backward(windows) if fused else window_loss(model, windows).backward()
        ends.append(time.perf_counter())
    taken = [later - earlier for earlier, later in itertools.pairwise(ends[2:])]
    line.send((1e3 * statistics.median(taken), resident_memory("VmHWM") - before))


def resident_memory(which: str) -> float:
    """Megabytes that this process holds (`VmRSS`), or at most held since it was forked (`VmHWM`)."""
    return int(re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024


def measure_growth(repeats: int) -> list[dict[str, Any]]:
    """Time and memory of loss and gradients, for one dial at a time; each size in a process of its own."""
    context, rows = multiprocessing.get_context("fork"), []
    for dial, values in GROWTH.items():
        for value in values:
            size = GROWTH_BASE | {dial: value}
            width, depth, tokens = size["width"], size["depth"], size["batch"] * size["block"]
            products = 6 * (depth * 6 * width**2 + VOCABULARY * width) * tokens
            attention = 6 * depth * width * size["block"] * tokens
            row = {"dial": dial, "value": value, "megaflop": (products + attention) / 1e6}
            # Numbers kept for the way back, a position: of each layer and of what is around them.
            row["activations"] = tokens * (depth * (12 * width + 2 * size["block"]) + 3 * width + 2 * VOCABULARY)
            for name, fused in (("fused", True), ("plain", False)):
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_one_size, kwargs={**size, "fused": fused, "repeats": repeats, "line": theirs}
                )
                process.start()
                row[f"{name}_ms"], row[f"{name}_mb"] = ours.recv()
                process.join()
            rows.append(row)
    return rows
