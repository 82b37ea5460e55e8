"""What the HTML page's tables sort by and its figures show, against what was made by hand."""

import pytest
from support.made_records import add_runs, arithmetic

from hf_capacity.report.explorer import cell_names, comparison_rows, curves_spec, sizes_spec
from hf_capacity.report.study import read_results
from hf_capacity.report.tables import sort_key


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "s"
    for model, right in (("n14", 4), ("n56", 0)):
        add_runs(folder, "arithmetic", model, [arithmetic(right)] * 5)
    return read_results(folder)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0.792 (0.409 to 0.953)", 0.792), ("-0.583 (-0.813 to -0.044)", -0.583), ("+1.000", 1), ("22,232", 22_232),
        ("3/6 (0.12 to 0.88)", 0.5), ("4/4 at 10,500", 1), ("1,500/2,000", 0.75), ("-", None),
        ("", None), ("0/0", None),
    ],
)  # fmt: skip
def test_columns_of_numbers_sort_by_what_they_begin_with(text, key):
    assert sort_key(text) == key


def test_marks_carry_value_interval_n_and_run_ids(study):
    rows = {(row["model"], row["rate"]): row for row in sizes_spec(study.cells)["data"]["values"]}
    assert len(rows) == 4
    row = rows["n14", "withheld rule questions (extrapolation)"]
    assert (row["mean"], row["high"], row["n"]) == (1, 1, "5 runs")
    assert row["value"].startswith("1.000 (0.")
    assert row["runs"].split(", ") == [record["run_id"] for record in study.records[:5]]


def test_curves_are_those_of_the_runs_and_cells_have_the_names_of_tables(study):
    rows = curves_spec(study.cells, study.curves)["data"]["values"]
    assert [row["run"] for row in rows] == [record["run_id"] for record in study.records]
    assert rows[0]["step"] == [0, 15_000, 30_000]
    assert rows[0]["withheld rule questions (extrapolation)"] == [0, 1, 1]
    assert cell_names(study.cells)["arithmetic", "n56", ""] == rows[-1]["cell"] == "n56 trained on arithmetic"


def test_the_forest_has_every_comparison_with_an_interval(study):
    [row] = comparison_rows(study)
    assert (row["rate"], row["value"], row["excludes"]) == ("extrapolation", -1, True)
    assert row["high"] < 0
