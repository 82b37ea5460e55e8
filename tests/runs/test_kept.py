"""A kept study is its runs: every record and every curve comes back to the byte, and what is not whole is refused."""

import io
import re
import shutil
from pathlib import Path

import pyarrow
import pytest
from datasets import load_dataset
from pyarrow import parquet
from support.kept_runs import as_folders, curve_text, without_folder
from typer.testing import CliRunner

from hf_capacity.analysis.statistics import wilson_interval
from hf_capacity.boundary.writing import Damaged, short_digest
from hf_capacity.cli import app
from hf_capacity.report import write_report
from hf_capacity.runs import curve_table
from hf_capacity.runs.curve_table import INTERVALS
from hf_capacity.runs.kept import load_curves, load_records, pack_study
from hf_capacity.runs.table import load_results


QUICK = Path(__file__).parents[2] / "model_cards" / "quick"


@pytest.fixture
def kept(tmp_path):
    return shutil.copytree(QUICK, tmp_path / "quick")


def test_runs_in_folders_are_kept_and_come_back_as_they_were(tmp_path):
    folders = as_folders(QUICK, tmp_path / "runs")
    records = load_records(folders)
    assert all(record["folder"].parent == folders for record in records)
    curves = load_curves(folders, records)
    kept = tmp_path / "kept"
    kept.mkdir()
    for name, content in pack_study(list(map(without_folder, records)), curves).items():
        (kept / name).write_bytes(content)
        if name.endswith(".parquet"):  # of the same table each version of Arrow writes other bytes
            assert parquet.read_table(io.BytesIO(content)).equals(parquet.read_table(QUICK / name)), name
        else:
            assert content == (QUICK / name).read_bytes(), name
    again = load_records(kept)
    assert list(map(without_folder, again)) == list(map(without_folder, records))
    assert load_curves(kept, again) == curves
    for record in again:
        lines = curve_text(curves[record["run_id"]])
        assert lines == (folders / record["run_id"] / "learning_curve.jsonl").read_bytes()
        assert record["files"]["learning_curve.jsonl"] == short_digest(lines)


def test_a_report_and_a_table_are_the_same_of_folders_and_of_what_is_kept(tmp_path, kept):
    folders = as_folders(QUICK, tmp_path / "runs")
    pages = [write_report(folder).read_bytes() for folder in (folders, kept)]
    assert pages[0] == pages[1]
    for picture in kept.glob("*.png"):
        assert picture.read_bytes() == (folders / picture.name).read_bytes()
    tables = [load_results(folder).drop(columns="folder") for folder in (folders, kept)]
    assert tables[0].equals(tables[1])


def test_a_clone_loads_with_load_dataset_as_the_studys_card_says(cache):
    [runs] = load_dataset(str(QUICK), "runs", cache_dir=cache).values()
    [curves] = load_dataset(str(QUICK), "curves", cache_dir=cache).values()
    records = load_records(QUICK)
    assert runs["run_id"][:] == [record["run_id"] for record in records]
    assert runs["last.loss"][:] == [record["last"]["loss"] for record in records]
    rows = [(run_id, row) for run_id, curve in load_curves(QUICK, records).items() for row in curve]
    assert list(zip(curves["run_id"][:], curves["step"][:], curves["loss"][:], strict=True)) == [
        (run_id, row["step"], row["loss"]) for run_id, row in rows
    ]
    assert [[*counts["exact_match"].values()] for counts in curves["counts"][:]] == [
        row["counts"]["exact_match"] for _, row in rows
    ]


def test_a_kept_interval_is_wilsons_and_another_stays_as_it_is():
    for questions in (1, 2, 4, 50, 196, 250, 2048):
        for right in range(0, questions + 1, max(1, questions // 7)):
            kept = curve_table.wilson_interval(right, questions)
            assert kept == pytest.approx(list(wilson_interval(right, questions)), abs=1e-15)
    [record, *_] = load_records(QUICK)
    [row, *_] = load_curves(QUICK, [*load_records(QUICK)])[record["run_id"]]
    other = row | {INTERVALS: {rate: [0.25, 0.75] for rate in row["counts"]}}
    table = pack_study([record | {"folder": None}], {record["run_id"]: [row, other]})["curves.parquet"]
    assert [entry and entry["fit"] for entry in parquet.read_table(io.BytesIO(table))[INTERVALS].to_pylist()] == [
        None,
        {"low": 0.25, "high": 0.75},
    ]


def test_a_curve_that_would_not_come_back_is_not_kept():
    [record, *_] = load_records(QUICK)
    [row, *_] = load_curves(QUICK, load_records(QUICK))[record["run_id"]]
    with pytest.raises(ValueError, match="would not come back"):
        pack_study([record | {"folder": None}], {record["run_id"]: [row | {"note": "mine"}]})


def change_table(change):
    def changed(folder):
        table = parquet.read_table(folder / "curves.parquet")
        parquet.write_table(change(table), folder / "curves.parquet")

    return changed


def change_lines(change):
    def changed(folder):
        lines = (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "runs.jsonl").write_text("".join(change(lines)), encoding="utf-8")

    return changed


def column(table, name, values):
    return table.set_column(table.column_names.index(name), table.schema.field(name), values)


FIRST, LAST = (load_records(QUICK)[place]["run_id"] for place in (0, -1))
COUNTS = {key: {"correct": 90, "questions": 4} for key in ("exact_match", "recall", "fit", "extrapolation")}
FAULTS = {
    "a torn line": (change_lines(lambda lines: [*lines[:-1], lines[-1][:100]]), "line 9 of .*is not readable as JSON"),
    "a changed number": (
        change_lines(lambda lines: [lines[0].replace('"steps": ', '"steps": 1'), *lines[1:]]),
        "line 1 of .*its digest is not that of its content",
    ),
    "no record": (change_lines(lambda lines: ["{}\n"]), "line 1 of .*is no record of schema version"),
    "a run twice": (change_lines(lambda lines: [*lines, lines[0]]), f"line 10 of .*has run {FIRST} a second time"),
    "a run without rows": (
        change_table(lambda table: table.filter(pyarrow.compute.not_equal(table["run_id"], LAST))),
        f"curves.parquet has no row for run {LAST}",
    ),
    "a row of another run": (
        change_lines(lambda lines: lines[1:]),
        f"curves.parquet has rows of run '{FIRST}', which is not in runs.jsonl",
    ),
    "a changed row": (
        change_table(lambda table: column(table, "loss", pyarrow.array([0.5] * len(table)))),
        f"The curve of {FIRST} in .*is not the file that its record vouches for",
    ),
    "a lost row": (change_table(lambda table: table.slice(1)), "is not the file that its record vouches for"),
    "holes": (
        change_table(
            lambda table: column(table, "counts", pyarrow.nulls(len(table), table.schema.field("counts").type))
        ),
        "has values that no evaluation can have",
    ),
    "more right than asked": (
        change_table(
            lambda table: column(
                table, "counts", pyarrow.array([COUNTS] * len(table), table.schema.field("counts").type)
            )
        ),
        "has values that no evaluation can have",
    ),
    "another column": (
        change_table(lambda table: table.rename_columns(["run", *table.column_names[1:]])),
        "does not have the columns of learning curves: check 'run', 'run_id'",
    ),
    "no Parquet": (
        lambda folder: (folder / "curves.parquet").write_bytes(b"PAR1 step,loss"),
        "is no table of learning curves in Parquet",
    ),
    "no curves": (lambda folder: (folder / "curves.parquet").unlink(), "curves.parquet is missing"),
    "other types": (
        change_table(lambda table: table.set_column(1, "step", pyarrow.array(["early"] * len(table)))),
        "is no table of learning curves in Parquet",
    ),
    "a folder in its place": (
        lambda folder: ((folder / "curves.parquet").unlink(), (folder / "curves.parquet").mkdir()),
        "curves.parquet",
    ),
    "folders of runs too": (lambda folder: as_folders(QUICK, folder), "has both runs.jsonl and folders of runs"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_whole_is_refused_in_a_line_that_says_what_to_do(kept, fault):
    damage, message = FAULTS[fault]
    damage(kept)
    result = CliRunner().invoke(app, ["report", str(kept)])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert re.search(message, result.stderr)
    assert str(kept) in result.stderr


def test_every_fault_of_the_files_is_damage(kept):
    (kept / "curves.parquet").write_bytes((kept / "curves.parquet").read_bytes()[:-100])
    with pytest.raises(Damaged, match="Get the kept study again"):
        load_curves(kept, load_records(kept))


def test_no_run_is_added_to_a_kept_study_and_no_model_looked_for_in_it(kept):
    (kept / "weights.safetensors").unlink()
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    for words, message in (
        (["run", "quick", "--output", str(kept)], "holds a kept study"),
        (["demo", str(kept)], "has records but no models"),
        (["publish", "study", str(kept), "--dry-run"], "publish the folder that was trained"),
        (["ask", str(kept), "<5+7="], "It holds records of runs without their weights: train them"),
    ):
        result = CliRunner().invoke(app, words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), words
        assert message in result.stderr
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
