"""What a report says of joint runs: crowding out, and runs that solve everything, against hand counts."""

import json

import pytest
from PIL import Image
from support.made_records import add_run, add_runs, arithmetic

from hf_capacity.analysis.cells import cells_of
from hf_capacity.report import write_report
from hf_capacity.report.sections.crowding_out import crowding_table, crowds_of
from hf_capacity.report.sections.rescue import joint_cells, rescue_sentence, rescue_table
from hf_capacity.runs.records import read_records


def joint(extrapolation, fit=196, recall=50):
    return {**arithmetic(extrapolation, fit), "recall": [recall, 50]}


def cells_in(study):
    return cells_of(read_records(study))


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def add_beside_facts(study, model, demanded, all_counts, stored=0.5, **settings):
    """Runs beside so many bits of facts, of which each memorises a share."""
    facts = {"path": "facts", "parameters": {"num_keys": demanded // 10}}
    task = {"path": "mixture", "parameters": {"tasks": [{"path": "arithmetic", "name": "random"}, facts]}}
    for seed, counts in enumerate(all_counts, 1):
        seeds = {"model_seed": seed, "data_seed": seed, "split_seed": seed}
        folder = add_run(study, task, model, counts, **seeds, **settings)
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        record["bits"] = {
            "estimator": "facts with given keys", "source": "x", "demanded": float(demanded), "raw": demanded * stored,
            "memorised": demanded * stored, "per_parameter": demanded * stored / record["num_parameters"],
            "items": demanded // 10, "exposures_per_item": 70.0, "converged": True,
        }  # fmt: skip
        (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def study(tmp_path):
    """n14 has 1,582 parameters: alone it extrapolates, beside two bits of facts a parameter no more."""
    folder = tmp_path / "s"
    add_runs(folder, {"path": "arithmetic", "name": "random"}, "n14", [arithmetic(4), arithmetic(4)])
    add_beside_facts(folder, "n14", 3164, [joint(0), joint(2, recall=25)])
    add_beside_facts(folder, "n14", 791, [joint(4), joint(4)])
    return folder


def test_the_facts_demanded_stand_beside_what_is_extrapolated(study):
    alone, few, many = rows(crowding_table(crowds_of(cells_in(study))))
    right, perfect = "2/2", "1.000 (all alike)"
    assert alone == ["n14", "1,582", "no facts", "-", "2", perfect, perfect, right, "-", "-", "-", "-"]
    assert few[2:9] == ["791", "0.50", "2", perfect, perfect, right, perfect]
    assert few[9:] == ["0.50 (all alike)", "2", "+0.000 (all alike)"]
    assert many[2:5] == ["3,164", "2.00", "2"]
    assert many[6:10] == ["0.250 (0.000, 0.500)", "0/2", "0.750 (1.000, 0.500)", "0.50 (all alike)"]
    assert many[10:] == ["2", "-0.750 (-1.000, -0.500)"]


def test_cells_that_store_their_facts_are_compared_together_seed_by_seed(tmp_path):
    study = tmp_path / "s"
    for model in ("n14", "n28"):
        add_runs(study, {"path": "arithmetic", "name": "random"}, model, [arithmetic(4), arithmetic(4)])
    add_beside_facts(study, "n14", 791, [joint(4), joint(4)], stored=1.0)
    add_beside_facts(study, "n28", 791, [joint(4), joint(2)], stored=0.95)
    add_beside_facts(study, "n14", 3164, [joint(0), joint(0)], stored=0.94)  # demanded, and not stored
    add_beside_facts(study, "n28", 3164, [joint(0), joint(0)], stored=0.0)
    *others, together = rows(crowding_table(crowds_of(cells_in(study))))
    assert len(others) == 6
    assert together[:3] == ["*stored*", "-", "2 cells"]
    assert together[10:] == ["2", "-0.125 (+0.000, -0.250)"]  # of the seeds 0 and -1/4


def test_without_runs_on_the_rule_alone_nothing_is_compared(tmp_path):
    for demanded in (100, 1000):
        add_beside_facts(tmp_path / "s", "n14", demanded, [joint(4)] * 2)
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    assert "## Crowding out" in page
    assert "crowding_out.png" not in page  # of two points
    table = rows(crowding_table(crowds_of(cells_in(tmp_path / "s"))))
    assert [row[2] for row in table] == ["100", "1,000"]
    assert {len(row) for row in table} == {10}
    assert "no facts" not in page


def test_there_is_no_crowd_where_more_than_the_facts_differs(study, tmp_path):
    add_beside_facts(study, "n14", 791, [joint(4)], weight_decay=0.1)
    assert crowds_of(cells_in(study)) == []
    add_beside_facts(tmp_path / "one", "n14", 100, [joint(4)])
    assert crowds_of(cells_in(tmp_path / "one")) == []
    assert "Crowding" not in write_report(tmp_path / "one").read_text(encoding="utf-8")


def test_the_page_has_crowding_out_with_its_figure(study):
    add_beside_facts(study, "n56", 791, [joint(1)])
    page = write_report(study).read_text(encoding="utf-8")
    assert "](crowding_out.png)" in page
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "<h2>Crowding out</h2>" in html
    assert html.count('src="data:image/png;base64,') == page.count("![")
    with Image.open(study / "crowding_out.png") as image:
        assert image.width == 1400
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
    assert {(0, 0x72, 0xB2), (0xD5, 0x5E, 0)} <= colors  # a line of either model


def test_joint_runs_that_solve_everything_are_counted(tmp_path):
    study = tmp_path / "s"
    add_runs(study, "both", "n14", [joint(4), joint(4, recall=40), joint(4, fit=190), joint(3)], batches="lines")
    add_runs(study, "both", "n28", [joint(0)] * 4, batches="lines")
    add_runs(study, "both", "n14", [joint(1)] * 4)
    cells = joint_cells(cells_in(study))
    none, some = "0/4", "3/4"
    assert rows(rescue_table(cells)) == [
        # n28 was not run so, although nothing sets its one cell apart from others of n28.
        ["both", "solves all withheld", none, "-"],
        ["both", "of these also fit and recall at 99 %", none, "-"],
        ["both", "fit", "1.00 (all alike)", "-"],
        ["both, batches=lines", "solves all withheld", some, none],
        ["both, batches=lines", "of these also fit and recall at 99 %", "1/4", none],
        ["both, batches=lines", "fit", "0.99 (1.00, 1.00, 0.97, 1.00)", "1.00 (all alike)"],
    ]
    assert rescue_sentence(cells) == (
        "**By the pre-registered criterion, 1 of 12 runs is rescued**: at the last checkpoint 3 of 12 joint runs get "
        "every withheld question right, and 1 of these also fits and recalls at 99 %."
    )
    page = write_report(study).read_text(encoding="utf-8")
    assert "## Is joint extrapolation rescued?\n\n**By the pre-registered" in page
    assert "<h2>Is joint extrapolation rescued?</h2>" in (study / "report.html").read_text(encoding="utf-8")


def test_models_of_one_name_are_settings_apart(tmp_path):
    for dropout in (0.0, 0.1):
        add_runs(tmp_path / "s", "both", {"name": "n14", "dropout": dropout}, [joint(4)])
    assert [setting for setting, _ in joint_cells(cells_in(tmp_path / "s"))] == [
        "both, model.dropout=0", "both, model.dropout=0.1",
    ]  # fmt: skip


def test_of_no_rescue_the_most_that_it_could_be_is_given(tmp_path):
    study = tmp_path / "s"
    for batches in ("windows", "lines"):
        add_runs(study, "both", "n14", [joint(3)] * 6, batches=batches)
    assert rescue_sentence(joint_cells(cells_in(study))) == (
        "**By the pre-registered criterion, no run is rescued**: at the last checkpoint none of the 12 joint runs (2 "
        "settings, models: 1) gets every withheld question right; each cell: 0/6, at most 0.46, the upper end of the "
        "95 % interval."
    )


def test_of_one_setting_there_is_nothing_to_rescue(tmp_path):
    add_runs(tmp_path / "s", "both", "n14", [joint(4)])
    add_runs(tmp_path / "s", "both", "n28", [joint(4)])
    add_runs(tmp_path / "s", "arithmetic", "n28", [arithmetic(4)])
    assert joint_cells(cells_in(tmp_path / "s")) == []
    assert "rescued" not in write_report(tmp_path / "s").read_text(encoding="utf-8")


def test_corrupted_lines_of_a_rule_are_no_facts_to_be_trained_jointly(tmp_path):
    for noise in (0.1, 0.3):
        task = {"path": "arithmetic", "name": "random", "parameters": {"label_noise": noise}}
        folder = add_run(tmp_path / "s", task, "n14", joint(4), loss_on="answers", batches="lines")
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        record["last"]["kinds"] = {
            "addition": {"seen": [196, 196], "unseen": [4, 4]},
            "corrupted addition": {"seen": [50, 50]},
        }
        (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert joint_cells(cells_in(tmp_path / "s")) == []
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    assert "rescued" not in page
    assert "where answers are corrupted or shuffled these are its facts" in page
    assert "with the loss on answers, over these and their end marks alone" in page
