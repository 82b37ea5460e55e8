"""Whatever stands in a run's folder or is set of a task: it is read, reported and published, or refused in a line."""

import json
import shutil

import pytest
from hostile_values import FEW, TEXTS, ends_well, for_all, mutations
from made_records import BOTH, CAPITALS, add_run, arithmetic

from dataset_builders import demanded_bits, load_task
from hf_capacity.config import ExperimentConfig, TaskConfig
from hf_capacity.hub import study_repositories
from hf_capacity.report import write_report
from hf_capacity.results import check_folder, read_curve, read_description, read_record, read_unfinished
from hf_capacity.results_table import load_results
from hf_capacity.run_checks import check_run, sizes_of_task
from hf_capacity.run_folder import states
from hf_capacity.sweep.estimate import estimated_minutes


CELL = {"model": {"n_embd": 4}, "block_size": 4, "batch_size": 4, "steps": 2}
DIALS = (
    {"path": "arithmetic", "name": "paper", "parameters": {"withheld_pairs": [[5, 7]], "operations": ["+"]}},
    {"path": "arithmetic", "name": "random", "parameters": {"withheld_fraction": 0.1, "digits": 1, "num_lines": 50}},
    {"path": "arithmetic", "name": "mod_division", "parameters": {"modulus": 7, "notation": "symbols"}},
    {"path": "facts", "parameters": {"num_keys": 8, "num_attributes": 2, "num_values": 4, "num_questions": 4}},
    {"path": "random_strings", "parameters": {"length": 8, "num_strings": 4}},
    {"path": "both", "parameters": {"ratio": [1, 2]}},
    {"path": "mixture", "parameters": {"tasks": [{"path": "arithmetic"}, {"path": "capitals", "name": "paper"}]}},
)


def cases(few, many):
    return pytest.mark.parametrize("number", [few, pytest.param(many, marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three runs that are done, without their weights."""
    folder = tmp_path_factory.mktemp("made")
    add_run(folder, "arithmetic", "n14", arithmetic(2), model_seed=1)
    add_run(folder, "capitals", "n28", CAPITALS, model_seed=1)
    add_run(folder, "both", {"n_embd": 8, "n_layer": 2}, BOTH, model_seed=2)
    return folder


def read_all(folder):
    """What reads a study's folder, but for figures."""
    for call in (
        lambda: load_results(folder),
        lambda: read_unfinished(folder),
        lambda: check_folder(folder, "made"),
        lambda: read_description(folder),
        lambda: study_repositories(folder, "someone"),
    ):
        ends_well(call)


@cases(FEW, 1_000)
def test_any_record_is_read_or_refused(number, study, tmp_path):
    shutil.copytree(study, tmp_path / "made")
    path = next(iter(sorted((tmp_path / "made").glob("arith*")))) / "record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    run = ExperimentConfig.from_dict(record["config"])

    def check(content):
        path.write_text(json.dumps(content), encoding="utf-8")
        read_all(tmp_path / "made")
        ends_well(lambda: states(tmp_path / "made", [run]))
        ends_well(lambda: estimated_minutes([run], [read_record(path.parent)], 2))

    for_all(number, mutations(record), check)


@cases(3, 150)
def test_any_record_is_reported_or_refused(number, study, tmp_path):
    shutil.copytree(study, tmp_path / "made")
    write_report(tmp_path / "made")  # once before it is timed
    path = next(iter(sorted((tmp_path / "made").glob("both*")))) / "record.json"
    record = json.loads(path.read_text(encoding="utf-8"))

    def check(content):
        path.write_text(json.dumps(content), encoding="utf-8")
        ends_well(lambda: write_report(tmp_path / "made"), most_seconds=20)  # it draws

    for_all(number, mutations(record), check)


@cases(FEW, 500)
def test_any_curve_is_read_or_refused(number, study, tmp_path):
    shutil.copytree(study, tmp_path / "made")
    folder = next(iter(sorted((tmp_path / "made").glob("arith*"))))
    rows = [json.loads(line) for line in (folder / "learning_curve.jsonl").read_text(encoding="utf-8").splitlines()]

    def check(content):
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        (folder / "learning_curve.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
        ends_well(lambda: read_curve(folder))

    for_all(number, mutations(rows).filter(lambda rows: isinstance(rows, list)) | TEXTS, check)


@cases(FEW, 1_000)
def test_any_dials_make_a_task_or_are_refused(number):
    def load(fields):
        task = TaskConfig(**fields)
        small = [value for value in _numbers(task.parameters) if abs(value) > 100]
        if small:  # what is large may be meant, and takes as long as it takes; whether it is possible is seen at once
            demanded_bits(task.path, task.name, **task.parameters)
            return
        splits = load_task(task.path, task.name, split_seed=3, **task.parameters)
        check_run(ExperimentConfig(task=task, **CELL), sizes_of_task(task.path, splits, None))

    for_all(number, mutations(*DIALS), lambda fields: ends_well(lambda: load(fields)))


def _numbers(value):
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _numbers(entry)
    elif isinstance(value, int | float):
        yield value


def test_these_are_what_they_are_made_of(study):
    """Were the unchanged ones refused, none of the above would show anything."""
    assert len(load_results(study)) == 3
    assert len(study_repositories(study, "someone")) == 4
    for fields in DIALS:
        task = TaskConfig(**fields)
        assert len(load_task(task.path, task.name, **task.parameters)["questions"])
