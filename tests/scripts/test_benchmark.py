"""The scripts that measure and compare, each of their parts for a moment, and the pages made from what they found."""

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_curve


ROOT = Path(__file__).parents[2]
TINY = {"n_layer": 1, "n_head": 1, "n_embd": 6}


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module


def test_a_step_is_measured_four_ways(script):
    config = ExperimentConfig(task="arithmetic", model=TINY, block_size=9, batch_size=32, steps=30_000)
    row = script("ways_to_step").measure_steps(config, rounds=2, steps=6)
    assert (row["implementation"], row["rounds"], row["steps"]) == ("fused", 2, 3)
    assert all(row[f"{way}_ms"] > 0 for way in ("ours", "bare", "stock", "products"))
    # Counted by hand: 6 operations for each weight but those of norms and positions, 17 characters.
    assert row["gigaflop"] == pytest.approx(6 * (4 * 6 * 6 + 2 * 6 * 6 + 17 * 6) * 32 * 9 / 1e9)


def test_the_runs_of_a_study_that_keeps_checkpoints_are_measured(script):
    [run] = read_study("too_big_to_think", ["task=arithmetic", "model=n14"]).runs()
    assert run.keep_checkpoints
    assert script("ways_to_step").measure_steps(run, rounds=1, steps=3)["ours_ms"] > 0


def test_lines_are_measured_by_their_length_and_at_full_length(script):
    config = ExperimentConfig(task="both", model=TINY, block_size=41, batch_size=64, batches="lines")
    row = script("short_rows").measure_lengths(config, rounds=1, steps=6)
    assert (row["longest"], row["rounds"], row["steps"]) == (41, 1, 3)
    # 196 sums of 9 characters, and capitals of 26 to 41.
    assert 9 / 41 < row["share_of_targets"] < 0.7
    assert row["kernel_full_ms"] > row["kernel_ms"] > 0
    assert row["step_full_ms"] > row["kernel_full_ms"]


def test_at_full_length_every_row_is_as_before_but_for_its_end(script):
    config = ExperimentConfig(task="both", model=TINY, block_size=41, batch_size=64, batches="lines")
    cell = script("ways_to_step").Cell(config)
    rows, full = cell.batches(1).batch(0)["windows_WT"], script("short_rows").at_full_length(cell.batches(1))
    assert (full.batch(0)["windows_WT"][:, :-1] == rows[:, :-1]).all()
    assert (full.batch(0)["windows_WT"][:, -1] >= 0).all()


def test_what_a_run_does_between_steps_is_what_the_kernel_leaves(script):
    config = ExperimentConfig(task="arithmetic", model=TINY, block_size=9, batch_size=16)
    row = script("short_rows").measure_overhead(config, rounds=1, steps=20)
    assert row["step_ms"] > row["between_ms"] == row["step_ms"] - row["kernel_ms"] > 0


@pytest.mark.slow  # a minute or two
def test_make_benchmark_with_a_round_each(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), "--rounds", "1", "--output", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert len(found["steps"]) == 10
    assert [row["model"] for row in found["lengths"]] == ["n14", "L1-d20-h1", "n28", "n56"]
    assert (tmp_path / "report.md").exists()


def test_an_evaluation_is_measured_three_ways(script):
    config = ExperimentConfig(task="both", model=TINY, block_size=24, batch_size=32)
    row = script("benchmark").measure_evaluation(config, rounds=1)
    assert row["questions"] == 250
    assert row["one_by_one_ms"] > row["batched_ms"] > row["ours_ms"] > 0


def test_growth_is_measured_in_processes_of_their_own(script, monkeypatch):
    growth = script("growth")
    monkeypatch.setattr(growth, "GROWTH", {"batch": (32, 4096)})
    small, large = growth.measure_growth(repeats=4)
    assert large["megaflop"] == pytest.approx(128 * small["megaflop"])
    assert large["plain_ms"] > small["plain_ms"]
    assert large["plain_mb"] > 10 * small["plain_mb"]
    assert large["fused_mb"] < large["plain_mb"] / 10, "the kernel keeps a few windows, whatever the batch"


def test_the_published_benchmark_is_the_page_of_its_figures(script):
    folder = ROOT / "model_cards" / "benchmark"
    found = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    assert script("benchmark").page(found) == (folder / "report.md").read_text(encoding="utf-8")
    assert "+changes" not in found["machine"]["git_commit"]


def test_curves_are_laid_over_each_other(script, tmp_path):
    runs = [
        ExperimentConfig(
            task="arithmetic", model=TINY, block_size=9, batch_size=8, steps=20, eval_steps=10,
            model_seed=seed, training_step=step,
        )
        for seed, step in ((1, "plain"), (1, "fastest"), (2, "fastest"))
    ]  # fmt: skip
    for run, name in zip(runs, ("a", "b", "c"), strict=True):
        run_experiment(run, tmp_path / name)
    overlay = script("overlay_curves")
    overlay.main([f"before={tmp_path}/a", f"after={tmp_path}/b", f"after={tmp_path}/c"], tmp_path / "out")
    losses = pd.read_csv(tmp_path / "out" / "losses.csv")
    assert len(losses) == 3 * 3
    last = [read_curve(tmp_path / name / run.run_id)[-1]["loss"] for name, run in zip("abc", runs, strict=True)]
    mean, sd = sum(last[1:]) / 2, abs(last[1] - last[2]) / math.sqrt(2)
    row = f"| arithmetic | L1-d6-h1 | {last[0]:.4f} | 1 | - | {mean:.4f} | 2 | {sd:.4f} |"
    assert row in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "losses.png").stat().st_size > 10_000


def test_a_folder_without_runs_and_a_missing_name_are_told(script, tmp_path):
    overlay = script("overlay_curves")
    with pytest.raises(ValueError, match="has no finished run: name a study's folder"):
        overlay.main([f"before={tmp_path}"], tmp_path / "out")
    with pytest.raises(ValueError, match="each is to be NAME=FOLDER"):
        overlay.main([str(tmp_path)], tmp_path / "out")


@pytest.mark.parametrize("folder", ["protocol_1_to_2", "protocol_1_to_2/plain_and_fused"])
def test_the_published_overlay_is_the_page_of_its_losses(script, folder):
    published = ROOT / "model_cards" / folder
    page = script("overlay_curves").page(pd.read_csv(published / "losses.csv"))
    assert page == (published / "report.md").read_text(encoding="utf-8")
