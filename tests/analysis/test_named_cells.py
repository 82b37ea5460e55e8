"""Cells of a study that names its arms: how they are called, in which order they stand, and what names leave open."""

import re

import pytest
from support.made_records import ARITHMETIC, BOTH, add_run, add_runs

from hf_capacity.analysis.cells import cells_of, ladders_of, setting_titles
from hf_capacity.config.arms import Arms
from hf_capacity.report import write_report
from hf_capacity.report.sections.in_pairs import paired_table
from hf_capacity.runs.claim import claim_folder, read_arms
from hf_capacity.runs.records import read_records


SETTINGS = {"task": "both", "block_size": 24, "batch_size": 576}
WAYS = {"plain": {}, "rule first": {"curriculum": "rule_first"}, "decay": {"weight_decay": 1.0}}
ARMS = Arms.of({"way": WAYS}, SETTINGS)


def name_arms(folder, arms):
    """Claims a folder that has runs already. Gives it."""
    claim_folder(folder / "claim", "s", arms=arms)
    (folder / "claim" / "study.yaml").rename(folder / "study.yaml")
    (folder / "claim").rmdir()
    return folder


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "s"
    for settings in WAYS.values():
        for model in ("n14", "n28"):
            add_runs(folder, "both", model, [BOTH, BOTH], **settings)
    return name_arms(folder, ARMS)


def test_cells_go_by_the_authors_names_and_in_the_authors_order(study):
    cells = cells_of(read_records(study), read_arms(study))
    assert [(cell.model, cell.title) for cell in cells] == [
        (model, f"both, {name}") for name in WAYS for model in ("n14", "n28")
    ]
    assert [ladder.title for ladder in ladders_of(cells)] == setting_titles(cells)[::2]
    assert {len(ladder.cells) for ladder in ladders_of(cells)} == {2}
    without = [cell.differs for cell in cells_of(read_records(study))]
    assert "weight_decay=0, curriculum=rule_first" in without


def test_the_first_arm_is_what_the_others_are_compared_with(study):
    against = {
        line.split("|")[3].strip() for line in paired_table(cells_of(read_records(study), ARMS)).splitlines()[2:]
    }
    assert against == {"both, plain"}


def test_a_report_has_no_setting_where_there_is_a_name(study):
    page = write_report(study).read_text(encoding="utf-8")
    assert re.search(r"\| both +\| rule first +\|", page)
    assert "curriculum=" not in page
    assert "weight_decay=" not in page


def test_runs_of_one_arm_that_an_override_set_apart_are_told_apart(study):
    add_run(study, "both", "n14", BOTH, steps=20_000, weight_decay=1.0)
    differs = [cell.differs for cell in cells_of(read_records(study), ARMS) if cell.model == "n14"]
    assert differs == ["plain", "rule first", "decay, steps=20000", "decay, steps=30000"]


def test_a_run_of_no_arm_comes_last_and_by_its_settings(study):
    add_run(study, "both", "n14", BOTH, weight_decay=0.5)
    *named, other = [cell.differs for cell in cells_of(read_records(study), ARMS) if cell.model == "n14"]
    assert named == list(WAYS)
    assert other == "weight_decay=0.5"


def test_arms_of_two_axes_stand_side_by_side(tmp_path):
    arms = Arms.of(
        {"decay": {"none": {}, "some": {"weight_decay": 0.1}}, "order": {"none": {}, "rule": WAYS["rule first"]}}, {}
    )
    for decay in (0.0, 0.1):
        for curriculum in (None, "rule_first"):
            add_run(tmp_path / "s", "both", "n14", BOTH, weight_decay=decay, curriculum=curriculum)
    cells = cells_of(read_records(tmp_path / "s"), arms)
    assert [cell.differs for cell in cells] == ["none, none", "none, rule", "some, none", "some, rule"]


def test_names_of_sizes_are_names_of_models_and_the_papers_figures_stay_beside_them(tmp_path):
    arms = Arms.of({"model": {"rather small": "n14", "large": "n56"}}, {"task": "arithmetic"})
    for model in ("n14", "n56", "n28"):
        add_run(tmp_path / "s", "arithmetic", model, ARITHMETIC)
    cells = cells_of(read_records(tmp_path / "s"), arms)
    assert [(cell.model, cell.rung, cell.differs) for cell in cells] == [
        ("rather small", "n14", ""), ("n28", "n28", ""), ("large", "n56", ""),
    ]  # fmt: skip
    [ladder] = ladders_of(cells)
    assert len(ladder.cells) == 3
    page = write_report(name_arms(tmp_path / "s", arms)).read_text(encoding="utf-8")
    assert "## Beside the paper's figures" in page
    assert "| rather small |" in page


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lines_per_row": 3}, "3 lines a row"),
        ({"cut_in_front": True}, "cut in front"),
        ({"random_offset": True}, "at random offsets"),
        ({"replacement": True}, "drawn with replacement"),
        ({"asked_after": "nothing"}, "asked after nothing"),
        ({"asked_after": 1}, "asked after 1 training line"),
        ({"lines_per_row": 2, "asked_after": 2}, "2 lines a row, asked after 2 training lines"),
    ],
)
def test_what_is_set_of_rows_and_questions_is_said_in_words(tmp_path, settings, words):
    for changes in ({}, settings):
        add_run(tmp_path / "s", "both", "n14", BOTH, batches="lines", **changes)
    cells = cells_of(read_records(tmp_path / "s"))
    assert [cell.differs for cell in cells] == ["", words]
