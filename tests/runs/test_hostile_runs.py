"""Whatever stands in a run's folder or is set of a task: it is reported and published, or refused in a line."""

import json
import shutil

import pytest
from support.hostile_values import FEW, TEXTS, ends_well, for_all, mutations
from support.made_records import BOTH, CAPITALS, add_run, arithmetic

from dataset_builders import demanded_bits, load_task
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.run_checks import check_run, sizes_of_task
from hf_capacity.hub import model_repositories
from hf_capacity.report import write_report
from hf_capacity.runs.claim import check_folder, read_description
from hf_capacity.runs.folder import states
from hf_capacity.runs.records import read_curve, read_record
from hf_capacity.runs.schema import with_digest
from hf_capacity.runs.statement import read_statement
from hf_capacity.runs.stating import restate
from hf_capacity.sweep.estimate import estimate_minutes


CELL = {"model": {"n_embd": 4}, "block_size": 9, "batch_size": 4, "steps": 2}
DIALS = (
    {"path": "arithmetic", "name": "paper", "parameters": {"withheld_pairs": [[5, 7]], "operations": ["+"]}},
    {"path": "arithmetic", "name": "random", "parameters": {"withheld_fraction": 0.1, "digits": 1, "num_lines": 50}},
    {"path": "arithmetic", "name": "mod_division", "parameters": {"modulus": 7, "notation": "symbols"}},
    {"path": "facts", "parameters": {"num_keys": 8, "num_attributes": 2, "num_values": 4, "num_questions": 4}},
    {"path": "random_strings", "parameters": {"length": 8, "num_strings": 4}},
    {"path": "both", "parameters": {"ratio": [1, 2]}},
    {"path": "mixture", "parameters": {"tasks": [{"path": "arithmetic"}, {"path": "capitals", "name": "paper"}]}},
)
# Beyond it a task may be meant, and takes as long as it takes; whether it is possible is seen at once.
LARGE = 100
DRAWING, BUILDING = 20.0, 10.0  # seconds: of a report, and of a task's tables for its card


def cases(few, many):
    return pytest.mark.parametrize("number", [few, pytest.param(many, marks=pytest.mark.slow)])


@pytest.fixture
def study(tmp_path):
    """Three runs that are done, without their weights."""
    add_run(tmp_path / "made", "arithmetic", "n14", arithmetic(2), model_seed=1)
    add_run(tmp_path / "made", "capitals", "n28", CAPITALS, model_seed=1)
    add_run(tmp_path / "made", "both", {"n_embd": 8, "n_layer": 2}, BOTH, model_seed=2)
    return tmp_path / "made"


def path_of(study, task, name):
    [path] = study.glob(f"{task}*/{name}")
    return path


def write_sealed(path, content):
    """What damage does not do, and an older version or a person may have done."""
    path.write_text(json.dumps(with_digest(content) if isinstance(content, dict) else content), encoding="utf-8")


@cases(3, 300)
def test_any_record_is_reported_or_refused(number, study):
    write_report(study)  # once before it is timed
    path = path_of(study, "both", "record.json")
    record = read_record(path.parent)

    def check(content):
        write_sealed(path, content)
        ends_well(lambda: write_report(study), DRAWING)

    for_all(number, mutations(record), check)


@cases(10, 1_000)
def test_any_record_is_published_or_refused(number, half_trained, tmp_path):
    folder = shutil.copytree(half_trained["arithmetic"], tmp_path / half_trained["arithmetic"].name)
    record = read_record(folder)
    run = ExperimentConfig.from_dict(record["config"])
    assert model_repositories(folder, "someone")[-1].revisions

    def check(content):
        write_sealed(folder / "record.json", content)
        ends_well(lambda: model_repositories(folder, "someone"), BUILDING)
        ends_well(lambda: states(tmp_path, [run]))
        ends_well(lambda: estimate_minutes([run], [read_record(folder)], 2))

    for_all(number, mutations(record), check)


@cases(FEW, 1_000)
def test_any_curve_is_read_or_refused(number, study):
    path = path_of(study, "arithmetic", "learning_curve.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def check(content):
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        ends_well(lambda: read_curve(path.parent))

    for_all(number, mutations(rows) | TEXTS, check)


@cases(FEW, 500)
def test_any_claim_of_a_folder_is_read_or_refused(number, study):
    hypothesis = {
        "rate": "fit",
        "trend": {"model": "n14"},
        "expect": "same",
        "smallest_difference": 0.1,
        "primary": True,
    }
    stated = {"finished_runs": 0, "at": "2026-11-25T13:33:11+00:00", "digest": "0123456789abcdef"}
    claim = {"study": "made", "protocol": 2, "description": "What it asks.", "question": "Is it so?"}
    claim |= {"hypotheses": {"falls": hypothesis}, "stated": {"falls": stated}}
    claim |= {"withdrawn": {"rises": {"hypothesis": hypothesis, "stated": stated}}}

    def check(content):
        text = content if isinstance(content, str) else json.dumps(content)
        (study / "study.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        ends_well(lambda: check_folder(study, "made"))
        ends_well(lambda: read_description(study).encode())
        ends_well(lambda: read_statement(study))
        if isinstance(content, dict):
            ends_well(lambda: restate(content, "Is it so?", (), 1))

    for_all(number, mutations(claim) | TEXTS, check)


@cases(FEW, 1_000)
def test_any_dials_make_a_task_or_are_refused(number):
    for_all(number, mutations(*DIALS), lambda fields: ends_well(lambda: plan(fields)))


def plan(fields):
    run = ExperimentConfig.from_dict(CELL | {"task": fields})
    task, dials = run.task, run.task.parameters
    demand = demanded_bits(task.path, task.name, **dials)
    if all(abs(value) <= LARGE for value in numbers(dials)):
        check_run(run, sizes_of_task(task.path, load_task(task.path, task.name, split_seed=3, **dials), demand))


def numbers(value):
    """The numbers in nested dictionaries and lists."""
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from numbers(entry)
    elif isinstance(value, int | float):
        yield value


@pytest.mark.parametrize("fields", DIALS, ids=lambda fields: fields["path"])
def test_the_dials_that_are_turned_are_possible(fields):
    run = ExperimentConfig.from_dict(CELL | {"task": fields})
    assert len(load_task(run.task.path, run.task.name, **run.task.parameters)["questions"])
