"""What the report says of fewer directions, of made records whose best number of them is counted by hand."""

import json

import pytest
from support.made_records import ARITHMETIC, PROBES, add_run, arithmetic

from hf_capacity.analysis.cells import cells_of
from hf_capacity.report.sections.extraction import extraction_of, extraction_table, section
from hf_capacity.report.study import read_results
from hf_capacity.runs.records import read_records


def add_cut(study, seed, right, model="n14", fit=None, **settings):
    """A run that with k directions gets `right[k - 1]` of four withheld equations, and `fit` of 196 or 60 k."""
    seeds = {"model_seed": seed, "data_seed": seed, "split_seed": seed}
    folder = add_run(study, "arithmetic", model, arithmetic(right[-1]), probes=True, **seeds, **settings)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    rows = [{"directions": k, "counts": arithmetic(number, fit=fit or 60 * k)} for k, number in enumerate(right, 1)]
    record["probes"] = PROBES | {"extraction": rows}
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def cell(tmp_path):
    """Means of extrapolation: 0.5, 0.75 and 0.375 with one, two and three directions."""
    add_cut(tmp_path / "s", 1, [0, 2, 1])
    add_cut(tmp_path / "s", 2, [4, 4, 2])
    return cells_of(read_records(tmp_path / "s"))[0]


def rows(table):
    return [[text.strip() for text in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_rates_of_every_run_by_the_number_of_directions(cell):
    found = extraction_of(cell)
    assert list(found) == [1, 2, 3]
    assert found[2] == {"fit": [120 / 196] * 2, "extrapolation": [0.5, 1.0]}


def test_the_best_number_is_short_of_all_and_its_difference_paired_by_run(cell):
    [row] = rows(extraction_table([cell]))
    assert row[2:4] == ["2", "3"]
    assert row[5] == "0.375 (0.250, 0.500)"
    assert row[6] == "2"
    assert row[8:] == ["0.750 (0.500, 1.000)", "+0.375 (+0.250, +0.500)"]


def test_all_is_never_the_best_and_of_equals_the_fewest_are(tmp_path):
    add_cut(tmp_path / "s", 1, [1, 1, 3])
    [row] = rows(extraction_table(cells_of(read_records(tmp_path / "s"))))
    assert row[6] == "1"
    assert row[-1].startswith("-0.500")


def test_a_panel_for_each_size_and_none_without_probes(tmp_path):
    for place, model in enumerate(("n14", "n28", "n56", "mlt")):
        add_cut(tmp_path / "s", place + 1, [0, 1, 2], model)
    add_run(tmp_path / "s", "arithmetic", "n14", ARITHMETIC, weight_decay=0.1)
    add_cut(tmp_path / "s", 5, [2, 2, 2], fit=90, weight_decay=0.5)  # on a line
    made = section(read_results(tmp_path / "s"))
    assert made.text.count("| arithmetic |") == 4
    assert made.figures["extraction.png"].startswith(b"\x89PNG")
    add_run(tmp_path / "plain", "arithmetic", "n14", ARITHMETIC)
    assert section(read_results(tmp_path / "plain")) is None
