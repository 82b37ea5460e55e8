"""Every published number comes from committed records: reports and cards are remade from them."""

import functools
import json
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from support.kept_runs import config_text, curve_text

from hf_capacity.boundary.writing import short_digest
from hf_capacity.config.experiment import ExperimentConfig, TaskConfig
from hf_capacity.config.study import parse_overrides, read_study
from hf_capacity.data.task import Task
from hf_capacity.hub.cards import eval_results_file, ladder_card, model_card
from hf_capacity.hub.contents import addresses
from hf_capacity.report.page import write_pages
from hf_capacity.report.sections.hypotheses import answers_in
from hf_capacity.report.study import read_results
from hf_capacity.runs.curve import findings
from hf_capacity.runs.kept import load_curves, load_records
from hf_capacity.runs.originals import find_original, read_original
from hf_capacity.runs.table import load_results
from hf_capacity.sweep.replication import plan_replication


load_records = functools.cache(load_records)
ROOT = Path(__file__).parents[2]
STUDIES = sorted(path.parent for path in (ROOT / "model_cards").glob("*/study.yaml"))
VALIDITY = ROOT / "model_cards" / "validity" / "report.md"
# What was run of a study, or replicated of one, that was not run just as it is: the overrides of each command.
RUN_IN_PART = {
    "seeds": [["task=arithmetic", "seeds=5"]],
    "rotating_pairs": [["model=n14"], ["model=n56"]],
    "reversed_addition": [[], ["steps=7814", "task={path: arithmetic, name: reversed_addition}"]],
    "training_share": [["model=n14"]],
    "joint": [
        [f"rows={rows}"]
        for rows in (
            *("whole alone at 0", "whole alone offset", "whole packed at 0", "whole packed offset"),
            *("cut alone at 0", "cut packed offset", "sums whole alone at 0", "sums cut alone at 0"),
        )
    ],
    "joint_replication": [[f"rows={rows}"] for rows in ("whole alone at 0", "whole alone offset", "cut alone at 0")],
    "crowding": [["model.n_embd=20"]],
    "why_replication": [
        [f"model.n_embd={width}", f"digits={digits}"]
        for width, digits in (
            *((14, "tied"), (14, "free"), (14, "random held")),
            *((56, "free"), (56, "line"), (56, "line held"), (56, "rank 2")),
        )
    ],
    "rescue_replication": [["intervention=lines", "model.n_embd=20"]],
    "rescue_crossed": [["intervention=lines", "model.n_embd=20"]],
    "capacity_spectrum": [[f"model.num_parameters={size}"] for size in (1e3, 2e3, 4e3, 8e3, 1.6e4, 3.2e4, 6.4e4)],
    "capacity_scan": [[f"model.num_parameters={size}"] for size in (1e3, 2e3, 4e3, 8e3, 1.6e4, 3.2e4, 6.4e4, 1e5)],
}


# Bytes a run may take in the two studies that need more: up to 53 answers, each of them written on to 64 characters,
# as nothing after the end mark is learned with the loss on answers alone.
OF_A_RUN = {"delay": 16_000, "onset": 12_000}
# Figures of the two studies that have hypotheses and probes, and beside them two axes, or withheld sums by pair.
FIGURES = {"why": 6, "why_replication": 6}


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_published_report_and_its_cards_are_made_from_its_records(folder, tmp_path, undrawn):
    results = read_results(folder)
    page = write_pages(tmp_path, results).read_text(encoding="utf-8")
    assert page == (folder / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf)\b", page)
    assert set(re.findall(r"\]\((\w+\.png)\)", page)) == {path.name for path in folder.glob("*.png")}
    rungs = addresses(folder.name, results.cells, "hf-capacity")
    card = ladder_card(results.cells, rungs, results.description, answers_in(results))
    assert card == (folder / "README.md").read_text(encoding="utf-8")
    made = {}
    for cell, address in zip(results.cells, rungs, strict=True):
        card = folder / "cards" / address.repo_id.split("/")[1]
        if not card.exists():
            continue
        made[card / "README.md"] = model_card(cell, 0, address)
        scores = f".eval_results/{address.dataset_id.split('/')[1]}.yaml"
        made[card / scores] = eval_results_file(cell.records[0], address)
    assert {path: path.read_text(encoding="utf-8") for path in made} == made
    assert set(made) == {path for path in (folder / "cards").rglob("*") if path.suffix in (".md", ".yaml")}


def planned_runs(folder, overrides):
    """What `hf-capacity run`, or `replicate` of a replication, would do."""
    original = read_original(folder)
    if original is None:
        return read_study(folder.name, overrides).runs()
    replicated = find_original(folder, original)
    return plan_replication(replicated, folder.name, parse_overrides(overrides), original.seeds).runs()


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_the_records_are_the_studys_runs_and_agree_with_their_curves(folder):
    records = load_records(folder)
    curves = load_curves(folder, records)
    commands = RUN_IN_PART.get(folder.name, [[]])
    asked = {run.run_id for overrides in commands for run in planned_runs(folder, overrides)}
    assert {record["run_id"] for record in records} == asked
    for record in records:
        assert ExperimentConfig.from_dict(record["config"]).run_id == record["run_id"]
        assert short_digest(config_text(record)) == record["files"]["config.yaml"]
        assert short_digest(curve_text(curves[record["run_id"]])) == record["files"]["learning_curve.jsonl"]
        found = findings(curves[record["run_id"]])
        assert {name: record[name] for name in found} == found
        assert "+changes" not in record["provenance"]["git_commit"]


def test_published_runs_read_and_were_asked_what_their_tasks_build_today():
    published = {
        (record["config"]["split_seed"], json.dumps(record["config"]["task"]), record["task_digest"])
        for folder in STUDIES
        for record in load_records(folder)
    }
    assert len(published) >= 100
    # Of each task the split with the highest seed: those of one task come from one rule.
    for task, (split_seed, digest) in {task: (seed, digest) for seed, task, digest in sorted(published)}.items():
        loaded = Task.load(TaskConfig(**json.loads(task)), split_seed)
        assert loaded.identity["digest"] == digest, (task, split_seed)


def test_the_page_against_outside_figures_is_made_from_the_records():
    page = runpy.run_path(str(ROOT / "scripts" / "validity.py"))["page"]
    assert page() == VALIDITY.read_text(encoding="utf-8")


def test_what_is_kept_is_small():
    example = ROOT / "model_cards" / "too_big_to_think" / "cards" / "too_big_to_think-arithmetic-n14"
    assert [*(ROOT / "model_cards").rglob("cards/*")] == [example]
    assert len(STUDIES) >= 14
    for folder in STUDIES:
        files = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
        files.pop("report.html", None)
        assert files.pop("weights.safetensors", 0) < 2_000_000
        tables = {"study.yaml", "runs.jsonl", "runs.parquet", "curves.parquet", "README.md", "report.md"}
        assert tables <= set(files)
        assert all(name in tables or name.endswith(".png") for name in files)
        assert len(files) <= len(tables) + FIGURES.get(folder.name, 5)
        lines = (folder / "runs.jsonl").read_text(encoding="utf-8").count("\n")
        rows = sum(files[name] for name in ("runs.jsonl", "runs.parquet", "curves.parquet"))
        assert rows < 40_000 + OF_A_RUN.get(folder.name, 8_000) * lines, folder.name
        assert all(
            2_000 < size < 330_000 for name, size in files.items() if name.endswith(".png")
        )  # a blank one is less


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_the_table_for_load_dataset_says_what_the_records_say(folder):
    kept = pd.read_parquet(folder / "runs.parquet")
    table = load_results(folder)
    assert set(table) - set(kept) <= {"folder", "provenance.host"}
    for name in kept:
        gaps = table[name].isna()
        assert list(kept[name].isna()) == list(gaps), name
        assert list(kept[name][~gaps]) == list(table[name][~gaps]), name
