"""How fast training and evaluation are on this machine, side by side with what else one could do.

    make benchmark
    python scripts/benchmark.py --output runs/benchmark

Everything runs on one thread in one process, as a worker of a study does: in rounds, each way for a few steps in turn,
so that a machine that drifts drifts for all of them. Quoted are medians, and medians of the ratios within a round.
Nothing else should run meanwhile. Writes `benchmark.json` and `report.md`.
"""

import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any


os.environ["OMP_NUM_THREADS"] = "1"

import torch
import transformers
import typer
from growth import GROWTH_BASE, VOCABULARY, measure_growth
from jinja2 import Environment, StrictUndefined
from short_rows import measure_lengths, measure_overhead
from ways_to_step import Cell, measure_steps

from hf_capacity.boundary.writing import write_atomically
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import read_study
from hf_capacity.data.tokenizer import encode
from hf_capacity.runs.provenance import git_commit
from hf_capacity.sweep.local import num_cores
from hf_capacity.training.kernel import FusedLoss, window_loss_library


ROOT = Path(__file__).parent.parent


def measure_evaluation(config: ExperimentConfig, rounds: int) -> dict[str, Any]:
    """(e): every question of the task, ours and by writing the answers out: to the last token that a question needs.

    Equations are written by `generate` with its cache. Facts outgrow the block, where every cached position would have
    to move: they are written with the window slid, as the paper does.
    """
    cell = Cell(config)
    exam, tokenizer, model, block_size = cell.exam, cell.tokenizer, cell.model().eval(), config.block_size
    sheet = exam.sheet(partial(encode, tokenizer), block_size, "cpu")
    loss, windows = FusedLoss(model), cell.batches(1).windows_WT
    prompts = [encode(tokenizer, prompt) for prompt in exam.questions["prompt"]]
    lines = zip(exam.questions["answer"], exam.questions["end"], strict=True)
    wanted = [encode(tokenizer, answer + end) for answer, end in lines]
    facts = [q for q, kind in enumerate(exam.questions["kind"]) if kind == "capital"]
    equations = [q for q, kind in enumerate(exam.questions["kind"]) if kind != "capital"]

    def generate(questions):
        longest = max(len(prompts[q]) for q in questions)
        ids = torch.tensor([[0] * (longest - len(prompts[q])) + prompts[q] for q in questions])
        mask = torch.tensor([[0] * (longest - len(prompts[q])) + [1] * len(prompts[q]) for q in questions])
        most = max(len(wanted[q]) for q in questions)
        out = model.generate(
            ids, attention_mask=mask, do_sample=False, max_new_tokens=most, use_cache=True, pad_token_id=0
        )
        return [row[longest:].tolist()[: len(wanted[q])] == wanted[q] for q, row in zip(questions, out, strict=True)]

    @torch.no_grad()
    def slide(questions):
        written = [list(prompts[q]) for q in questions]
        for _ in range(max(len(wanted[q]) for q in questions)):
            last = [min(len(ids), block_size) - 1 for ids in written]
            rows = [ids[-block_size:] + [0] * (block_size - len(ids)) for ids in written]
            logits = model(input_ids=torch.tensor(rows)).logits[range(len(rows)), last]
            for ids, token in zip(written, logits.argmax(-1).tolist(), strict=True):
                ids.append(token)
        return [
            ids[len(prompts[q]) :][: len(wanted[q])] == wanted[q] for q, ids in zip(questions, written, strict=True)
        ]

    ways = {
        "ours": lambda: exam.mark(sheet.verdicts(loss.predict)),
        "loss_of_text": lambda: loss(windows),
        "batched": lambda: generate(equations) + slide(facts),
        "one_by_one": lambda: [generate([q]) for q in equations] + [slide([q]) for q in facts],
    }
    taken = _in_turns(ways, {"ours": 10, "loss_of_text": 10, "batched": 2, "one_by_one": 1}, rounds)
    return {
        "task": config.task.path,
        "model": config.model.label,
        "questions": len(prompts),
        **{f"{name}_ms": statistics.median(turn[name] for turn in taken) for name in ways},
        "batched_ratio": statistics.median(turn["batched"] / turn["ours"] for turn in taken),
        "one_by_one_ratio": statistics.median(turn["one_by_one"] / turn["ours"] for turn in taken),
        "rounds": rounds,
    }


def _in_turns(ways: dict[str, Callable[[], Any]], repeats: dict[str, int], rounds: int) -> list[dict[str, float]]:
    """The milliseconds that each way takes, round by round, after a round that warms up."""
    taken = []
    for _ in range(rounds + 1):
        turn = {}
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(repeats[name]):
                way()
            turn[name] = 1e3 * (time.perf_counter() - began) / repeats[name]
        taken.append(turn)
    return taken[1:]


def seconds(command: list[str], **environment: str) -> tuple[float, str]:
    began = time.perf_counter()
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, result.stdout


PEAK_MEMORY = """
import resource, sys, tempfile, torch
torch.set_num_threads(1)
from hf_capacity import ExperimentConfig, run_experiment
config = ExperimentConfig(task="both", model="n56", block_size=24, batch_size=576, steps=300, eval_steps=100)
with tempfile.TemporaryDirectory() as folder:
    run_experiment(config, folder)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def measure_start() -> dict[str, float]:
    """(f): what a command costs before and around its steps."""
    python, cli = [sys.executable, "-c"], [sys.executable, "-m", "hf_capacity.cli"]
    one_step = [*cli, "run", "quick", "task=arithmetic", "model=n14", "steps=1", "eval_steps=1", "--output"]
    with tempfile.TemporaryDirectory() as empty:
        first, _ = seconds([*one_step, f"{empty}/first/quick"], XDG_CACHE_HOME=empty)
        known = [seconds([*one_step, f"{empty}/{turn}/quick"], XDG_CACHE_HOME=empty)[0] for turn in range(3)]
    nothing = statistics.median(seconds([*python, "pass"])[0] for _ in range(5))
    package = statistics.median(seconds([*python, "import hf_capacity"])[0] for _ in range(5))
    _, peak = seconds([*python, PEAK_MEMORY])
    return {
        "import_s": package - nothing,
        "one_step_run_first_s": first,
        "one_step_run_known_s": statistics.median(known),
        "peak_memory_gb": int(peak) / 1e9,
    }


def surroundings() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    processor = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    return {
        "processor": processor[1] if processor else platform.processor(),
        "cores": num_cores(),
        "threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "versions": {name: importlib.metadata.version(name) for name in ("hf-capacity", "torch", "transformers")},
        "python": platform.python_version(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "git_commit": git_commit(),
    }


def lines_of_rescue() -> list[ExperimentConfig]:
    """One run of each size."""
    runs = {run.model.label: run for run in read_study("rescue", ["intervention=lines"]).runs()}
    return sorted(runs.values(), key=lambda run: run.model.n_embd)


def page(found: dict[str, Any]) -> str:
    """The tables of what was measured."""
    template = Path(__file__).with_suffix(".md.jinja").read_text(encoding="utf-8")
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return jinja.from_string(template).render(found)


def main(
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("runs/benchmark"),
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each comparison; fewer say less.")] = 5,
) -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    output.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    found: dict[str, Any] = {"machine": surroundings()}
    typer.echo(json.dumps(found["machine"]))
    window_loss_library()
    found |= {"growth": measure_growth(repeats=2 + 2 * rounds), "growth_base": GROWTH_BASE, "vocabulary": VOCABULARY}
    found["start"] = measure_start()
    runs = sorted(read_study("too_big_to_think").runs(), key=lambda run: (run.task.path, run.model.n_embd))
    [mlt] = [run for run in read_study("too_big_to_think_mlt").runs() if run.task.path == "arithmetic"]
    found["evaluation"] = measure_evaluation(
        next(run for run in runs if (run.task.path, run.model.label) == ("both", "n56")), rounds=min(rounds, 3)
    )
    found["steps"] = []
    for run, turns, steps in [*((run, rounds, 30) for run in runs), (mlt, 1, 3)]:
        found["steps"].append(measure_steps(run, turns, steps))
        typer.echo(json.dumps(found["steps"][-1]))
    found["lengths"] = [measure_lengths(run, rounds, 30) for run in lines_of_rescue()]
    small = dataclasses.replace(next(run for run in runs if run.model.label == "n14"), batch_size=128)
    found["overhead"] = measure_overhead(small, rounds, 165)
    typer.echo(json.dumps([found["lengths"], found["overhead"]]))
    found["seconds"] = round(time.perf_counter() - began)
    write_atomically(output / "benchmark.json", json.dumps(found, indent=1) + "\n")
    write_atomically(output / "report.md", page(found))
    typer.echo(page(found))
    typer.echo(f"Written: {output}")


if __name__ == "__main__":
    typer.run(main)
