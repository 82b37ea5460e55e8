"""The answer: what a report says of a study's hypotheses, of made records whose tests are counted by hand."""

import io
import itertools
import json
import re

import numpy as np
import pytest
from PIL import Image
from support.made_records import add_run, add_runs, arithmetic

from hf_capacity.analysis.cells import cells_of
from hf_capacity.config.arms import Arms
from hf_capacity.config.hypotheses import read_hypotheses
from hf_capacity.report import write_report
from hf_capacity.report.sections import finding
from hf_capacity.report.sections.hypotheses import answers_in, section
from hf_capacity.report.sections.seeds_and_splits import shares_table
from hf_capacity.report.study import read_results
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.records import read_records
from hf_capacity.runs.statement import state_hypotheses


QUESTION = "Does decay help?"
NONE, DECAY = ({"weight_decay": decay, "model": "n14"} for decay in (0.0, 0.1))
HELPS = {"rate": "extrapolation", "compare": [DECAY, NONE], "expect": "higher", "smallest_difference": 0.25}


@pytest.fixture
def study(tmp_path):
    """Six pairs: with decay all is right, without half of it, so that each gains 1/2 and p is 2/64."""
    claim_folder(tmp_path / "s", "s", "Decay.")
    for decay, right in ((0.0, 2), (0.1, 4)):
        add_runs(tmp_path / "s", "arithmetic", "n14", [arithmetic(right)] * 6, weight_decay=decay)
    return tmp_path / "s"


def page_of(study, hypotheses):
    state_hypotheses(study, QUESTION, read_hypotheses(hypotheses, Arms()))
    return write_report(study).read_text(encoding="utf-8")


def section_of(study, hypotheses):
    """The section alone, in a fraction of the time that a page takes."""
    state_hypotheses(study, QUESTION, read_hypotheses(hypotheses, Arms()))
    return section(read_results(study)).text


def answer_of(page):
    return page.split("## The answer")[1].split("\n## ")[0]


def sentences(page):
    return [line.removeprefix("- ") for line in answer_of(page).splitlines() if line.startswith("- ")]


def rows(page):
    lines = [line for line in answer_of(page).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_the_answer_comes_first_and_says_what_was_found(study):
    page = page_of(study, {"decay helps": {**HELPS, "primary": True}})
    assert re.findall(r"^## (.*)$", page, re.MULTILINE)[:2] == ["The answer", "What else the runs show"]
    assert answer_of(page).startswith(
        f"\n\n**{QUESTION}**\n\n- **decay helps** (primary, *post hoc*) is **supported**"
    )
    [sentence] = sentences(page)
    assert re.search(
        r"weight_decay=0\.1 less that with weight_decay=0, for n14 trained on arithmetic, is \+0\.500 ", sentence
    )
    assert sentence.endswith("Holm-adjusted p = 0.031, n = 6 pairs.")
    [row] = rows(page)
    assert row[:5] == ["decay helps (primary, *post hoc*)", "extrapolation", "higher", "0.25", "6 pairs"]
    assert row[6:] == ["0.031", "supported", "-"]  # all pairs differ alike: their variance is not known


def test_the_primary_comes_first_and_what_went_the_other_way_is_opposed(study):
    hypotheses = {"as much": {**HELPS, "expect": "same"}, "decay hurts": {**HELPS, "expect": "lower", "primary": True}}
    page = section_of(study, hypotheses)
    first, second = sentences(page)
    assert first.startswith("**decay hurts** (primary, *post hoc*) stays **open**")  # Holm: 2 x 2/64
    assert "p = 0.062" in first
    assert answers_in(read_results(study)) == [first, second]
    assert second.startswith("**as much** (*post hoc*) stays **open**")
    assert "where *same* is expected, the margin of equivalence" in page
    [alone] = sentences(section_of(study, {"decay hurts": {**HELPS, "expect": "lower", "primary": True}}))
    assert "is **opposed**" in alone


def test_an_open_hypothesis_says_what_the_runs_could_find_and_how_many_would_find_half(tmp_path):
    claim_folder(tmp_path / "s", "s")
    for decay, counts in ((0.0, (0, 1, 2, 3, 4, 0, 1, 2)), (0.1, (4, 0, 1, 3, 2, 2, 1, 1))):
        add_runs(tmp_path / "s", "arithmetic", "n14", [arithmetic(right) for right in counts], weight_decay=decay)
    [sentence] = sentences(section_of(tmp_path / "s", {"decay helps": {**HELPS, "primary": True}}))
    found = re.search(
        r"these runs had 80 % power for a difference of (0\.\d\d), and half of it takes (\d+) runs of each "
        r"\(`hf-capacity run s seeds=(\d+)`\)\.$",
        sentence,
    )
    assert found
    assert found[2] == found[3]
    assert 8 < int(found[2]) <= 40  # half of it takes about four times as many


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("higher", "; the interval rules out what would be of interest, +0.25 or higher; these runs had"),
        ("lower", "; the interval rules out what would be of interest, -0.25 or lower; these runs had"),
        ("different", "; the interval rules out what would be of interest, 0.25 either way; these runs had"),
        ("same", None),
    ],
)
def test_an_open_hypothesis_says_where_nothing_of_interest_is_left(tmp_path, expect, said):
    claim_folder(tmp_path / "s", "s")
    for decay, counts in ((0.0, [2] * 24), (0.1, [1, 3] * 4 + [2] * 16)):
        add_runs(tmp_path / "s", "arithmetic", "n14", [arithmetic(right) for right in counts], weight_decay=decay)
    for least, holds in ((0.25, True), (0.01, False)):
        stated = {**HELPS, "primary": True, "expect": expect, "smallest_difference": least}
        [sentence] = sentences(section_of(tmp_path / "s", {"decay helps": stated}))
        assert ((said or "rules out") in sentence) == (holds and expect != "same")


def test_what_cannot_be_tested_and_what_was_withdrawn_is_named(study):
    elsewhere = {**HELPS, "compare": [{"weight_decay": 0.5}, NONE], "primary": True}
    page = section_of(study, {"elsewhere": elsewhere})
    assert re.match(
        r"\*\*elsewhere\*\* \(primary, \*post hoc\*\) was \*\*not tested\*\*: .* selects 0 cells", sentences(page)[0]
    )
    assert rows(page)[0][4:] == ["-", "-", "-", "not tested", "-"]
    assert "hypotheses.png" not in page


def test_what_was_stated_before_the_runs_has_no_label_and_what_is_dropped_after_them_is_named(tmp_path):
    study = tmp_path / "s"
    claim_folder(study, "s", asked=(QUESTION, read_hypotheses({"decay helps": {**HELPS, "primary": True}}, Arms())))
    for decay, right in ((0.0, 2), (0.1, 4)):
        add_runs(study, "arithmetic", "n14", [arithmetic(right)] * 6, weight_decay=decay)
    page = section(read_results(study)).text
    assert "**decay helps** (primary) is **supported**" in page
    assert "post hoc" not in page
    again = section_of(study, {"decay hurts": {**HELPS, "expect": "lower", "primary": True}})
    assert "Stated before the runs, and dropped or changed when there were some: decay helps." in again


def test_there_is_no_p_outside_of_hypotheses(study):
    page = page_of(study, {"decay helps": {**HELPS, "primary": True}})
    others = page.replace(answer_of(page), "")
    assert not re.search(r"\bp(?:[- ]values?)? *[=<≤|]|\bsignifican", others)
    state_hypotheses(study, QUESTION, ())
    without = finding.section(read_results(study)).text
    assert without.startswith(f"## The answer\n\n**{QUESTION}**\n\n- ")
    assert without.count("No hypothesis was stated for this study: intervals only.") == 1
    assert not re.search(r"\bp(?:[- ]values?)? *[=<≤|]|\bsignifican", without)


def test_the_forest_shows_differences_over_what_is_of_interest(study):
    section_of(study, {"decay helps": {**HELPS, "primary": True}, "the same": {**HELPS, "expect": "same"}})
    with Image.open(io.BytesIO(section(read_results(study)).figures["hypotheses.png"])) as image:
        assert image.width == 1400
        pixels = np.asarray(image.convert("RGB"))
    band, line = ((pixels == color).all(axis=2) for color in ((0xDD, 0xDD, 0xDD), (0x00, 0x72, 0xB2)))
    assert band.sum() > 10_000
    # The gains of 1/2 lie beyond the band of 1/4, in both rows.
    columns = np.flatnonzero(band.sum(axis=0) > 50)
    assert (line[:, columns.max() + 10 :].sum(axis=1) > 0).sum() > 4


def test_crossed_runs_say_where_their_variance_lies(tmp_path):
    """All of it between splits, for the right answers depend on nothing else."""
    for seed, split in itertools.product((1, 2), range(1, 7)):
        seeds = {"model_seed": seed, "data_seed": seed, "split_seed": split}
        add_run(tmp_path / "s", "arithmetic", "n14", arithmetic(4 * (split % 2)), **seeds)
    cells = cells_of(read_records(tmp_path / "s"))
    [row] = [line.split("|")[1:-1] for line in shares_table(cells).splitlines()[2:]]
    assert [cell.strip() for cell in row] == ["arithmetic", "n14", "extrapolation", "12", "0%", "100%", "0%"]
    assert shares_table(cells_of(read_records(tmp_path / "s")[:6])) == ""


def test_extrapolation_kind_by_kind_is_compared_like_the_other_rates(tmp_path):
    for model, sums in (("n14", 2), ("n56", 0)):
        for seed in range(1, 7):
            seeds = {"model_seed": seed, "data_seed": seed, "split_seed": seed}
            folder = add_run(tmp_path / "s", "arithmetic", model, arithmetic(sums + 1), **seeds)
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            kinds = {
                "addition": {"seen": [98, 98], "unseen": [sums, 2]},
                "subtraction": {"unseen": [1, 2], "seen": [49, 98]},
            }
            record["last"]["kinds"] = kinds
            (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    sizes = page.split("## Smallest against largest")[1].split("\n## ")[0]
    of_kinds = re.findall(r"\| (extrapolation of \w+) .* ([+-]\d\.\d{3}) \([^)]*\) \| +(\w+) \|", sizes)
    assert of_kinds == [
        ("extrapolation of addition", "-1.000", "falls"), ("extrapolation of subtraction", "+0.000", "open"),
    ]  # fmt: skip
    assert re.search(r"a difference of -0\.500 \(.*\); of addition -1\.000 \(.*\), of subtraction \+0\.000", page)
    assert re.search(r"\| n14 +\| addition +\| 1\.000 \(.*\) \| 1\.000 \(.*\) \| +12/12 \|", page)
    assert re.search(r"\| n14 +\| subtraction +\| 0\.500 \(.*\) \| 0\.500 \(.*\) \| +6/12 \|", page)
    with Image.open(tmp_path / "s" / "capacity.png") as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
    assert {(0x6B, 0x2C, 0x00), (0xAA, 0x44, 0x99)} <= colors
