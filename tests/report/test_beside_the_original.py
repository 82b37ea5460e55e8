"""A replication beside its original, counted by hand."""

import pytest
from support.made_records import add_run, arithmetic

from hf_capacity.analysis.intervals import mean_interval
from hf_capacity.report import write_report
from hf_capacity.report.sections.beside_the_original import section
from hf_capacity.report.study import read_results
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.originals import claim_replication, describe_original
from hf_capacity.runs.records import read_records


ROTATING = {"path": "arithmetic", "name": "rotating_pair"}
BEFORE, NOW = (4, 4, 4, 3, 1), (4, 2, 2, 1, 1, 0)


def add_runs(folder, rights, first, model="n14", **settings):
    for seed, right in enumerate(rights, first):
        add_run(
            folder, ROTATING, model, arithmetic(right), model_seed=seed, data_seed=seed, split_seed=seed, **settings
        )


@pytest.fixture
def studies(tmp_path):
    original, replication = tmp_path / "s", tmp_path / "s_again"
    add_runs(original, BEFORE, 1)
    add_runs(original, BEFORE, 1, model="n28")  # which the replication leaves out
    claim_folder(replication, "s_again")
    claim_replication(replication, describe_original(original, read_records(original)))
    add_runs(replication, NOW, 45)  # the first of which withholds another pair, the last ones pairs 1 to 5
    return original, replication


def rows_of(text):
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| arith")
    ]
    return {row[-6]: row for row in rows}


def spelled(mean, values):
    low, high = mean_interval(values, (0, 1))
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def test_the_cells_of_both_studies_are_compared_and_pooled(studies):
    text = section(read_results(studies[1])).text
    assert "This study replicates **s** (10 runs, plan:" in text
    assert "Of its 6 withheld pairs, s had 5." in text
    rows = rows_of(text)
    assert {row[1] for row in rows.values()} == {"n14"}
    before, now = ([right / 4 for right in rights] for rights in (BEFORE, NOW))
    row = rows["extrapolation"]
    assert row[-5:-2] == ["5 + 6", spelled(16 / 20, before), spelled(10 / 24, now)]
    assert row[-2].startswith("-0.383 (")
    assert row[-1] == spelled(26 / 44, [*before, *now])
    assert [rows["all withheld right"][place].partition(" ")[0] for place in (-4, -3, -2, -1)] == [
        "3/5",
        "1/6",
        "-",
        "4/11",
    ]
    assert rows["fit"][-4].startswith("1.000 (")


def test_it_is_on_the_page_of_a_replication_alone(studies):
    assert "## Beside the original" in write_report(studies[1]).read_text(encoding="utf-8")
    assert section(read_results(studies[0])) is None


def test_what_finishes_it_is_no_study_of_a_file(studies):
    original, replication = map(read_results, studies)
    assert (original.command, original.command_for(9)) == ("hf-capacity run s", "hf-capacity run s seeds=9")
    assert replication.command == "hf-capacity replicate s --output runs/s_again"
    assert replication.command_for(9) == "hf-capacity replicate s --seeds 9 --output runs/s_again_again"


def test_a_few_runs_have_no_interval(tmp_path):
    original, replication = tmp_path / "s", tmp_path / "again"
    add_runs(original, (4, 0), 1)
    claim_folder(replication, "again")
    claim_replication(replication, describe_original(original, read_records(original)))
    add_runs(replication, (2,), 9)
    rows = rows_of(section(read_results(replication)).text)
    assert rows["extrapolation"][-5:] == [
        "2 + 1",
        "0.500 (1.000, 0.000)",
        "0.500",
        "+0.000",
        "0.500 (1.000, 0.000, 0.500)",
    ]


def test_an_original_with_other_runs_is_not_compared(studies):
    add_runs(studies[0], (4,), 30)
    text = section(read_results(studies[1])).text
    assert "s is not here with these runs, so nothing is compared" in text
    assert "|" not in text


def test_cells_that_the_original_has_not_are_left_out(studies):
    replication = studies[1]
    add_runs(replication, NOW, 60, model="n56")
    assert {row[1] for row in rows_of(section(read_results(replication)).text).values()} == {"n14"}
    for run in replication.glob("*-n14-*"):
        (run / "record.json").unlink()
    assert "None of its cells is one of s's." in section(read_results(replication)).text
