"""Extrapolation against probes, of made records whose ranks are known."""

import json

import numpy as np
import pytest
from support import made_records
from support.made_records import ARITHMETIC, CAPITALS, add_run, arithmetic

from hf_capacity.analysis.cells import cells_of, ladders_of
from hf_capacity.report import write_report
from hf_capacity.report.sections.probes import PROBES, correlation_table
from hf_capacity.runs.records import read_records


def add_probed(study, model, right, line, seed, **settings):
    """A run that gets `right` of four withheld equations, sums first, whose numbers lie on a line by so much."""
    seeds = {"model_seed": seed, "data_seed": seed, "split_seed": seed}
    folder = add_run(study, "arithmetic", model, arithmetic(right), probes=True, **seeds, **settings)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    probe = {"seen": 1.0, "withheld": right - 50.0, "shuffled": 0.0}
    record["probes"] = made_records.PROBES | {
        "number_line": line,
        "parallelogram_ratio": 1 - line,
        "weight_norm": 10.0 + seed,
        "linear_probes": dict.fromkeys(("first_operand", "second_operand", "result"), probe),
    }
    unseen = {"addition": [min(2, right), 2], "subtraction": [max(0, right - 2), 2]}
    record["last"]["kinds"] = {kind: {"seen": [98, 98], "unseen": tally} for kind, tally in unseen.items()}
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def study(tmp_path):
    """Within a size, numbers on a line go with extrapolation; over sizes they go against it."""
    for model, line in (("n14", 0.1), ("n28", 0.5)):
        for seed in range(1, 11):
            right = seed % 3 + (2 if model == "n14" else 0)
            add_probed(tmp_path / "s", model, right, line + 0.01 * right, seed)
    return tmp_path / "s"


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_within_a_size_and_over_sizes(study):
    found = rows(correlation_table(ladders_of(cells_of(read_records(study)))))
    assert [row[1:4] for row in found] == [
        [model, f"extrapolation{kind}", runs]
        for kind in ("", " of addition", " of subtraction")
        for model, runs in (("n14", "10"), ("n28", "10"), ("all sizes", "20"))
    ]
    line, ratio, rank = 4, 5, 6
    assert [row[line][:5] for row in found[:2]] == ["+1.00", "+1.00"]
    assert "to" in found[0][line]
    assert [row[ratio][:5] for row in found[:2]] == ["-1.00", "-1.00"]
    assert found[2][line].startswith("-0.")
    assert "to" not in found[2][line]
    assert {row[rank] for row in found} == {"-"}
    assert found[3][line] == "-"  # every sum of n14 is right


def test_the_page_has_it_only_where_records_have_probes(study, tmp_path):
    page = write_report(study).read_text(encoding="utf-8")
    assert "## Extrapolation against probes\n\n![" in page
    assert all(name in page for name in PROBES.values())
    assert (study / "probes.png").read_bytes().startswith(b"\x89PNG")
    add_run(tmp_path / "plain", "arithmetic", "n14", ARITHMETIC)
    add_run(tmp_path / "plain", "capitals", "n14", CAPITALS)
    assert "probes" not in write_report(tmp_path / "plain").read_text(encoding="utf-8")
    assert not (tmp_path / "plain" / "probes.png").exists()


def test_arms_have_markers_of_their_own_and_runs_without_probes_are_left_out(study):
    add_probed(study, "n14", 2, 0.3, 1, weight_decay=0.1)
    add_run(study, "arithmetic", "n14", ARITHMETIC, weight_decay=0.2)
    page = write_report(study).read_text(encoding="utf-8")
    table = page.partition("## Extrapolation against probes")[2].partition("\n## ")[0]
    assert "weight_decay=0.1" in table
    assert "weight_decay=0.2" not in table
    assert np.ptp([len(line.split("|")) for line in table.splitlines() if line.startswith("|")]) == 0
