"""Every number in a README comes from committed records, by way of the reports that are made from them."""

import math
import re
from collections import Counter

import numpy as np
import pytest
from support.readmes import READMES, ROOT, blocks, numbers, rows, tables

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.hypotheses import assess_hypotheses
from hf_capacity.analysis.statistics import NUM_PERMUTATIONS
from hf_capacity.report.wording import p_text
from hf_capacity.runs.claim import read_arms
from hf_capacity.runs.kept import load_records
from hf_capacity.runs.statement import read_statement


STUDIES = sorted(path.parent for path in (ROOT / "model_cards").glob("*/study.yaml"))
REPORTS = {
    folder.name: (folder / "report.md").read_text(encoding="utf-8")
    for folder in (*STUDIES, ROOT / "model_cards" / "validity")
}
RESULTS = READMES["model_cards/README.md"]
# Numbers that no run gave, and why they are there.
NO_RESULTS = {
    "README.md": {"2025", "2506.09099", "3.11", "12", "15", "2.0"},  # the paper; Python and compilers; the licence
    "docs/start.md": {"3.11"},  # Python
    "hf_capacity/README.md": {"1979", "1987", "2019", "2026"},  # citations
    "hf_capacity/analysis/paper/README.md": {"910"},  # the paper asks 91 questions ten times
    "model_cards/protocol_1_to_2/README.md": {"34"},  # the runs in the losses.csv beside it
}
# Their tables are compared with what they are made from in tests of their own.
COMPARED_TABLES = ("configs/README.md", "dataset_builders/README.md", "docs/related.md", "scripts/README.md")


@pytest.mark.parametrize("name", READMES)
def test_every_number_is_in_a_report_or_no_result(name):
    text = READMES[name]
    if name in COMPARED_TABLES:
        for table in tables(text):
            text = text.replace(table, "")
    published = set().union(*map(numbers, REPORTS.values()))
    assert numbers(text) - published == NO_RESULTS.get(name, set()) - published


def test_every_figure_of_others_stands_beside_its_source():
    [works, code] = tables(READMES["docs/related.md"])
    for work, *_ in rows(works)[1:]:
        assert re.search(r"\[(\d{4}\.\d{5})\]\(https://arxiv\.org/abs/\1\)$", work), work
    assert all("](https://github.com/" in row[0] for row in rows(code)[1:])


def test_every_table_of_results_is_a_reports():
    found = [table for table in tables(RESULTS) if rows(table)[0][0] != "file"]
    assert len(found) == 5
    for table in found:
        assert any(table in report for report in REPORTS.values()), table


def test_the_times_of_the_first_commands_are_their_reports():
    timed = re.findall(r"^make reproduce(?: STUDY=(\w+))?  # ([\d.]+) minutes$", READMES["README.md"], re.MULTILINE)
    assert timed == [("", "2.7"), ("too_big_to_think", "19.5")]
    for study, minutes in timed:
        assert f"9 runs in {minutes} minutes from the first start to the last finish" in REPORTS[study or "quick"]
    assert len(timed) == len(blocks(READMES["README.md"], "bash")[0].splitlines())


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_p_value_belongs_to_a_hypothesis_and_is_recounted_from_the_records(folder):
    answer = re.search(r"^## The answer\n.*?(?=^## )", REPORTS[folder.name], flags=re.M | re.S)[0]
    others = REPORTS[folder.name].replace(answer, "")
    assert not re.search(r"\bp(?:[- ]values?)? *[=<≤|]|\bsignifican", others)
    tested = {}
    for one in find_tested(folder):
        labels = ["primary"] * one.hypothesis.primary + ["*post hoc*"] * one.hypothesis.is_post_hoc
        name = f"{one.hypothesis.name} ({', '.join(labels)})" if labels else one.hypothesis.name
        tested[name] = "-" if one.p_value is None else p_text(one.adjusted_p_value)
        if one.is_paired and one.hypothesis.compare and one.hypothesis.expect != "same":
            exact, num_ways = _flip_signs(*(cell.values(one.hypothesis.rate) for cell in one.groups))
            # Of more ways than are tried, some are drawn, and the observed one is counted among them.
            drawn = 0 if num_ways <= NUM_PERMUTATIONS else 2 / NUM_PERMUTATIONS  # on either side
            assert one.p_value == pytest.approx(exact, abs=drawn + 5 * math.sqrt(exact * drawn) or 1e-12)
    printed = [row for table in tables(answer) for row in rows(table)]
    header = printed[0] if printed else ["hypothesis", "p"]
    assert {row[0]: row[header.index("p")] for row in printed[1:]} == tested
    in_words = re.findall(r"p (?:= )?((?:< )?[\d.]*\d)", re.sub(r"(?:^\|.*\n)+", "", answer, flags=re.M))
    assert sorted(set(in_words) - {"0.05"}) == sorted(set(tested.values()) - {"-"})


def find_tested(folder):
    hypotheses = read_statement(folder).hypotheses
    return assess_hypotheses(hypotheses, cells_of(load_records(folder), read_arms(folder))) if hypotheses else []


def _flip_signs(treated, control):
    """Of all ways to flip the signs of the differences, the share whose sum is as far from 0; and how many ways."""
    differences = np.subtract(treated, control)
    ways_to = Counter({0.0: 1})  # a sum
    for difference in differences:
        longer = Counter()
        for total, ways in ways_to.items():
            for signed in (difference, -difference):
                longer[round(total + signed, 9)] += ways
        ways_to = longer
    far = sum(ways for total, ways in ways_to.items() if abs(total) >= abs(differences.sum()) - 1e-6)
    return far / 2 ** len(differences), 2 ** len(differences)


def test_every_row_of_the_table_of_speed_is_the_benchmarks():
    [table] = [table for table in tables(READMES["scripts/README.md"]) if rows(table)[0][0] == "task"]
    benchmark = (ROOT / "model_cards" / "benchmark" / "report.md").read_text(encoding="utf-8")
    measured = [rows(f"\n\n{line}\n")[-1] for line in benchmark.splitlines() if "| fused |" in line]
    assert len(measured) == 9
    # task, model, ours, ours / bare, stock / ours, products / ours
    assert rows(table)[1:] == [[row[column] for column in (0, 1, 3, 6, 8, 10)] for row in measured]
