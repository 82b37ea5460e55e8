"""How long a run is by how often its items are read: against readings counted one by one."""

import math
from collections import Counter

import pytest
import torch
import yaml
from typer.testing import CliRunner

from hf_capacity.analysis.cells import cells_of
from hf_capacity.cli import app
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import read_study
from hf_capacity.data.batches import build_batches
from hf_capacity.data.line_rows import NO_TARGET
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer
from hf_capacity.experiment import run_experiment
from hf_capacity.training.trainer import learning_rate_factor


FACTS = {"path": "facts", "parameters": {"num_keys": 7}}
STRINGS = {"path": "random_strings", "parameters": {"num_strings": 30}}
SHUFFLED = {"path": "arithmetic", "parameters": {"shuffled_answers": True, "num_lines": 50}}
CELL = {"task": FACTS, "model": "n14", "block_size": 60, "batch_size": 4, "batches": "lines", "exposures": 10}


def config(**changes):
    return ExperimentConfig.from_dict(CELL | changes)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, 53),  # 10 x 21 facts are 52 batches of four lines and a half
        ({"batch_size": 7}, 30),
        ({"lines_per_row": 2}, 27),
        ({"exposures": 1000, "batch_size": 21}, 1000),
        ({"task": STRINGS}, 75),
        ({"task": SHUFFLED}, 125),
        ({"task": {"path": "facts", "parameters": {"num_keys": 7, "zipf": 1.0}}}, 53),
    ],
)
def test_the_steps_are_those_in_which_items_are_read_so_often_on_average(changes, steps):
    run = config(**changes)
    assert run.steps == steps
    task = Task.load(run.task, run.split_seed)
    tokenizer = build_tokenizer(task.alphabet, run.block_size)
    batches = build_batches(task, tokenizer, run, torch.device("cpu"), distinct=True)
    rows = torch.cat([batch["windows_WT"] for batch in batches])
    newline = tokenizer.get_vocab()["\n"]
    num_read = int((rows[:, 1:] == newline).sum())
    assert num_read == steps * run.batch_size * run.lines_per_row
    asked = run.exposures * task.demand.num_items
    assert asked <= num_read < asked + run.batch_size * run.lines_per_row
    if run.lines_per_row == 1 and "zipf" not in run.task.parameters:
        read = Counter("".join(tokenizer.decode(row[row != NO_TARGET])) for row in rows)
        assert set(read.values()) <= {run.exposures, run.exposures + 1}, "every line in turn"


def test_the_schedule_and_the_record_are_those_of_so_many_steps(tmp_path):
    small = {"eval_steps": 20, "save_steps": 53, "keep_checkpoints": [53]}
    by_exposures, by_steps = config(**small), config(**small, exposures=None, steps=53)
    assert by_exposures.run_id == by_steps.run_id, "they do the same"
    assert by_exposures.run_id != config(**small, exposures=11).run_id
    for step in (0, 20, 52):
        assert learning_rate_factor(step, by_exposures) == learning_rate_factor(step, by_steps)
    record = run_experiment(by_exposures, tmp_path)
    assert record["config"] == by_exposures.to_dict()
    assert (record["config"]["exposures"], record["config"]["steps"], record["last"]["step"]) == (10, 53, 53)
    assert record["bits"]["exposures_per_item"] == pytest.approx(53 * 4 / 21)
    assert ExperimentConfig.from_dict(record["config"]) == by_exposures
    assert "exposures" not in by_steps.to_dict()
    other = {**record, "config": config(**small, exposures=20).to_dict()}
    assert [cell.differs for cell in cells_of([record, other])] == ["exposures=10", "exposures=20"]


def test_a_study_takes_exposures_as_a_setting_or_an_axis(tmp_path):
    settings = {key: value for key, value in CELL.items() if key not in ("exposures", "task")}
    grid = {"exposures": [1, 2], "task": [FACTS, {"path": "facts", "parameters": {"num_keys": 14}}]}
    study = tmp_path / "s.yaml"
    study.write_text(yaml.safe_dump({"settings": settings, "grid": grid}), encoding="utf-8")
    found = {(run.exposures, run.task.parameters["num_keys"]): run.steps for run in read_study(str(study)).runs()}
    assert found == {(n, keys): math.ceil(n * keys * 3 / 4) for n in (1, 2) for keys in (7, 14)}
    said = CliRunner().invoke(app, ["run", str(study), "steps=9", "--dry-run", "--output", str(tmp_path / "none")])
    assert (said.exit_code, (tmp_path / "none").exists()) == (2, False)
    assert "leave one of them out" in " ".join(said.output.split())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 52}, r"`steps` \(=52\) and `exposures` \(=10\), which come to 53 steps: leave one of them out"),
        ({"batches": "windows"}, r"`exposures` \(=10\) is for whole lines, and `batches` is 'windows'"),
        ({"cut_in_front": True}, "lines that are read whole and in turn: leave it or `cut_in_front` out"),
        ({"replacement": True}, "lines that are read whole and in turn: leave it or `replacement` out"),
        ({"task": "arithmetic"}, "is for tasks whose lines are items with known bits, .* `task.path` is 'arithmetic'"),
        ({"task": {"path": "mixture", "parameters": {"tasks": [FACTS]}}}, "`task.path` is 'mixture': give `steps`"),
        ({"task": {"path": "facts", "parameters": {"num_keys": 7, "num_drawings": 2}}}, "is 'facts': give `steps`"),
        ({"task": "elsewhere/facts"}, "`task.path` is 'elsewhere/facts': give `steps`"),
        ({"task": {"path": "facts", "parameters": {"num_keys": 0}}}, "`num_keys` must be a whole number from 1"),
        ({"exposures": 0}, r"`exposures` \(=0\): input should be greater than 0"),
        ({"exposures": 10**9}, "come to 5,250,000,000 steps, more than 1,000,000,000: take fewer, or a larger"),
        ({"keep_checkpoints": [54]}, r"`keep_checkpoints` \(=\[54\]\) must not exceed `steps` \(=53\)"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_a_line(changes, message):
    with pytest.raises(ValueError, match=message) as refusal:
        config(**changes)
    assert "\n" not in str(refusal.value)
