"""Whatever stands in a task's rows, a record or a model's folder, it is read or is refused in one line."""

import json
import logging
import shutil

import pytest
import transformers
from hypothesis import strategies as st
from support.hostile_values import FEW, TEXTS, VALUES, ends_well, for_all, mutations
from support.made_records import BOTH, add_run

from dataset_builders import load_task
from hf_capacity.analysis.cells import cells_of
from hf_capacity.cli.tables import show_results
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.report.sections.beside_the_paper import comparison_table
from hf_capacity.report.sections.best_on_withheld import choice_table
from hf_capacity.report.sections.finding import finding
from hf_capacity.report.sections.last_checkpoint import cell_table
from hf_capacity.runs.records import read_records, read_unfinished
from hf_capacity.runs.table import load_results


CARD = "---\nconfigs:\n- config_name: default\n  data_files:\n" + "".join(
    f"  - {{split: {split}, path: {split}.jsonl}}\n" for split in ("train", "questions")
)
ROWS = tuple(
    {"text": f"1+{b}={1 + b}\n", "prompt": f"1+{b}=", "answer": f"{1 + b}", "end": "\n"}
    | {"kind": "addition", "ability": "rule", "seen": True}
    for b in range(4)
)


def cases(many):
    return pytest.mark.parametrize("number", [FEW // 5, pytest.param(many, marks=pytest.mark.slow)])


def written(content) -> bytes:
    return json.dumps(content).encode("utf-8", "surrogatepass")


@cases(1_000)
def test_rows_are_a_task_or_are_refused(number, tmp_path):
    (tmp_path / "README.md").write_text(f"{CARD}---\n", encoding="utf-8")

    def check(drawn):
        for split, rows in zip(("train", "questions"), drawn, strict=True):
            (tmp_path / f"{split}.jsonl").write_bytes(b"".join(written(row) + b"\n" for row in rows))
        ends_well(lambda: load_task(str(tmp_path)))

    rows = mutations({"rows": list(ROWS)}).map(lambda content: content.get("rows")).filter(lambda it: type(it) is list)
    for_all(number, st.tuples(rows, rows), check)


@cases(1_000)
def test_any_bytes_are_a_data_file_or_are_refused(number, tmp_path):
    (tmp_path / "README.md").write_text(f"{CARD}---\n", encoding="utf-8")
    good = b"".join(written(row) + b"\n" for row in ROWS)

    def check(drawn):
        place, junk = drawn
        (tmp_path / "train.jsonl").write_bytes(good[:place] + junk + good[place:])
        (tmp_path / "questions.jsonl").write_bytes(good)
        ends_well(lambda: load_task(str(tmp_path)))

    for_all(number, st.tuples(st.integers(0, len(good)), st.binary(min_size=1, max_size=40)), check)


def read_all(folder):
    """What every reader of records makes of a study's folder."""
    records = read_records(folder)
    cells = cells_of(records)
    cell_table(cells), choice_table(cells), comparison_table(cells), finding(cells)
    show_results(load_results(folder), read_unfinished(folder))


@cases(2_000)
def test_a_record_is_read_or_is_refused(number, tmp_path):
    folder = add_run(tmp_path / "s", "both", "n14", BOTH)
    record = json.loads((folder / "record.json").read_bytes())
    for_version_1 = {key: value for key, value in record.items() if key != "digest"} | {"schema_version": 1}

    def check(content):
        (folder / "record.json").write_bytes(written(content))
        ends_well(lambda: read_all(tmp_path / "s"))

    for_all(number, mutations(record, for_version_1), check)


@pytest.fixture(scope="module")
def model(half_trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "model"
    shutil.copytree(half_trained["arithmetic"], folder, ignore=lambda *_: ["record.json", "step-50"])
    transformers.utils.logging.set_verbosity(logging.CRITICAL)
    evaluate_model(folder)  # imports
    yield folder
    transformers.utils.logging.set_verbosity_warning()


@pytest.mark.filterwarnings("ignore")  # of transformers, about what it is given here
@pytest.mark.parametrize("name", ["config.json", "task.json", "tokenizer_config.json", "tokenizer.json"])
@cases(400)
def test_a_models_description_is_read_or_is_refused(number, name, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "model")
    good = json.loads((copy / name).read_bytes())

    def check(content):
        (copy / name).write_bytes(written(content))
        ends_well(lambda: evaluate_model(copy))

    for_all(number // (1 if number > FEW else 2), mutations(good) | VALUES, check)


@cases(300)
def test_any_bytes_are_weights_or_are_refused(number, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "model")
    good = (copy / "model.safetensors").read_bytes()

    def check(drawn):
        place, junk = drawn
        (copy / "model.safetensors").write_bytes(good[:place] + junk + good[place + len(junk) :])
        ends_well(lambda: evaluate_model(copy))

    for_all(number, st.tuples(st.integers(0, len(good)), st.binary(min_size=1, max_size=40)), check)


@cases(300)
def test_any_prompt_is_answered_or_is_refused(number, model):
    from hf_capacity.evaluation.trained_model import load_model

    trained = load_model(model)
    for_all(number, TEXTS, lambda prompt: ends_well(lambda: trained.lines([prompt])))
