"""Every number in a README comes from committed records, by way of the reports that are made from them."""

import re

import pytest
from support.readmes import READMES, ROOT, blocks, numbers, rows, tables


STUDIES = sorted(path.parent for path in (ROOT / "model_cards").glob("*/study.yaml"))
REPORTS = {
    folder.name: (folder / "report.md").read_text(encoding="utf-8")
    for folder in (*STUDIES, ROOT / "model_cards" / "validity")
}
RESULTS = READMES["model_cards/README.md"]
# Numbers that no run gave, and why they are there.
NO_RESULTS = {
    "README.md": {"2025", "2506.09099", "3.11", "12", "15", "2.0"},  # the paper; Python and compilers; the licence
    "hf_capacity/README.md": {"1979", "1987", "2019"},  # citations
    "hf_capacity/analysis/paper/README.md": {"910"},  # the paper asks 91 questions ten times
    "model_cards/protocol_1_to_2/README.md": {"34"},  # the runs in the losses.csv beside it
}
# Their tables are compared with what they are made from in tests of their own.
COMPARED_TABLES = ("configs/README.md", "dataset_builders/README.md", "scripts/README.md")


@pytest.mark.parametrize("name", READMES)
def test_every_number_is_in_a_report_or_no_result(name):
    # The number of p values is counted by a test of its own.
    text = re.sub(r"the\s\d+\sp values", "", READMES[name])
    if name in COMPARED_TABLES:
        for table in tables(text):
            text = text.replace(table, "")
    published = set().union(*map(numbers, REPORTS.values()))
    assert numbers(text) - published == NO_RESULTS.get(name, set()) - published


def test_every_table_of_results_is_a_reports():
    found = [table for table in tables(RESULTS) if rows(table)[0][0] != "file"]
    assert len(found) == 5
    for table in found:
        assert any(table in report for report in REPORTS.values()), table


def test_the_times_of_the_first_commands_are_their_reports():
    timed = re.findall(r"^make reproduce(?: STUDY=(\w+))?  # ([\d.]+) minutes$", READMES["README.md"], re.MULTILINE)
    assert timed == [("", "1.1"), ("too_big_to_think", "19.5")]
    for study, minutes in timed:
        assert f"9 runs in {minutes} minutes from the first start to the last finish" in REPORTS[study or "quick"]
    assert len(timed) == len(blocks(READMES["README.md"], "bash")[0].splitlines())


def test_no_printed_p_value_survives_holms_correction():
    found = []
    for report in REPORTS.values():
        for table in tables(report):
            header, *others = rows(table)
            columns = [column for column, name in enumerate(header) if name == "p" or name.startswith("p against")]
            found += [row[column] for row in others for column in columns if row[column] not in ("-", "")]
        words = re.sub(r"(?:^\|.*\n)+", "", report, flags=re.MULTILINE)
        assert set(re.findall(r"\bp (?:[=≤]|from) (\d[\d.]*\d|1)\b", words)) <= set(found)  # repeated, not new ones
    assert f"none of the {len(found)} p values that our reports print stays" in " ".join(RESULTS.split())
    assert not any("<" in value for value in found)  # else it would not be known how small it is
    assert min(map(float, found)) * len(found) > 0.05  # Holm's first step


def test_every_row_of_the_table_of_speed_is_the_benchmarks():
    [table] = [table for table in tables(READMES["scripts/README.md"]) if rows(table)[0][0] == "task"]
    benchmark = (ROOT / "model_cards" / "benchmark" / "report.md").read_text(encoding="utf-8")
    measured = [rows(f"\n\n{line}\n")[-1] for line in benchmark.splitlines() if "| fused |" in line]
    assert len(measured) == 9
    # task, model, ours, ours / bare, stock / ours, products / ours
    assert rows(table)[1:] == [[row[column] for column in (0, 1, 3, 6, 8, 10)] for row in measured]
