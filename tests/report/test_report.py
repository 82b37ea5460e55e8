"""The report against hand-written tables, the published files themselves, and the images' own pixels."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.made_records import ARITHMETIC, BOTH, CAPITALS, add_run, add_runs, arithmetic

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.labels import model_label
from hf_capacity.analysis.paper import papers_accuracy, papers_curve
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.report import sections, write_report
from hf_capacity.report.page import SECTIONS
from hf_capacity.report.sections.withheld_sums import _tally, draw_withheld_sums
from hf_capacity.runs.records import read_curve, read_records


PUBLISHED = Path(__file__).parents[2] / "hf_capacity" / "analysis" / "paper"


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "two_cells"
    add_run(folder, "capitals", "n14", CAPITALS)
    add_run(folder, "arithmetic", "n14", ARITHMETIC, best={"fit": [195, 196], "extrapolation": [4, 4]})
    return folder


def test_every_section_is_one_file_and_on_the_page_once():
    files = {path.stem for path in Path(sections.__file__).parent.glob("*.py")} - {"__init__"}
    assert sorted(SECTIONS) == sorted(files)


def test_the_table_is_as_written_by_hand(study):
    expected = """\
| trained on | model   |     fit | extrapolation | recall | best on withheld | late solved |  loss | parameters | without positions |
| ---------- | ------- | ------: | ------------: | -----: | ---------------: | ----------: | ----: | ---------: | ----------------: |
| arithmetic | n14     | 196/196 |           1/4 |      - |    4/4 at 15,000 |        3/24 | 0.746 |      1,582 |             1,456 |
| arithmetic | *floor* |  18/196 |           0/4 |      - |                  |             |       |            |                   |
| capitals   | n14     |       - |             - |   4/50 |                - |           - | 0.746 |      1,582 |             1,456 |
| capitals   | *floor* |       - |             - |   1/50 |                  |             |       |            |                   |"""  # noqa: E501
    assert expected in write_report(study).read_text(encoding="utf-8")


def test_ours_stand_beside_the_papers_figures(study):
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in write_report(study).read_text(encoding="utf-8").splitlines()
    ]
    header = rows.index(
        ["trained on", "model"]
        + [word for kind in ("addition", "subtraction", "facts") for word in (f"{kind}: last", "best", "paper")]
        + ["loss: last", "paper"]
    )
    arithmetic = ["89/91", "88/91", "91/91", "90/91", "89/91", "91/91", "-", "-", "-"]
    assert rows[header + 2] == ["arithmetic", "n14", *arithmetic, "0.7461", "0.7462"]
    assert rows[header + 3] == ["capitals", "n14", *["-"] * 6, "4/50", "4/50", "4.1/50", "0.7461", "0.7240"]


def test_published_figures_are_those_of_the_files():
    with open(PUBLISHED / "accuracy.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        looked_up = papers_accuracy(row["task"], row["model"])
        named = {"addition": "addition_accuracy", "subtraction": "subtraction_accuracy", "capital": "facts_accuracy"}
        assert {kind: str(looked_up.get(kind, "")) for kind in named} == {kind: row[named[kind]] for kind in named}

        curve = papers_curve(row["task"], row["model"])
        assert bool(curve) == (row["task"] != "both")
        if row["task"] == "arithmetic":  # the mean of the two operations, recounted
            with open(PUBLISHED / "curves" / f"arithmetic_{row['model']}.csv", encoding="utf-8") as file:
                counted = list(csv.DictReader(file))
            correct = [int(line["add_correct"]) + int(line["sub_correct"]) for line in counted]
            assert [accuracy for _, accuracy in curve] == pytest.approx([number / 1820 for number in correct])
        assert [step for step, _ in curve] == (list(range(0, 30_001, 250)) if curve else [])
    assert papers_accuracy("arithmetic", "n15") == {}
    assert papers_curve("capitals", "n15") == []


def test_n14_is_at_full_accuracy_in_27_published_evaluations():
    assert sum(accuracy == 1 for _, accuracy in papers_curve("arithmetic", "n14")) == 27


def test_the_figures_show_something_and_come_out_the_same_again(study):
    names = ("learning_curves.png", "capacity.png", "report.md", "report.html")
    write_report(study)
    first = {name: (study / name).read_bytes() for name in names}
    for name in names[:2]:
        with Image.open(io.BytesIO(first[name])) as image:
            image.verify()
        with Image.open(io.BytesIO(first[name])) as image:
            assert image.format == "PNG"
            assert image.width == 1400
            assert 600 < image.height < 1400
            assert np.asarray(image.convert("L")).std() > 10
    write_report(study)
    assert first == {name: (study / name).read_bytes() for name in names}
    assert not list(study.glob(".*"))


def test_a_study_without_published_curves(tmp_path):
    add_run(tmp_path / "s", "both", "n28", BOTH)
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    assert "| both       | n28   |          40/91 | 40/91 | 86/91 |             41/91 |" in page
    assert "grey line" not in page


def test_cells_that_are_not_the_papers_are_compared_with_nothing(tmp_path):
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32}
    add_run(tmp_path / "s", "both", shape, BOTH)
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    assert "Beside the paper" not in page
    (record,) = read_records(tmp_path / "s")
    assert model_label(record) == ExperimentConfig.from_dict(record["config"]).model.label == "L2-d32-h2"


def rows_under(heading, page):
    """The cells of the first table under a heading, its header and rule left out."""
    table = [line for line in page.split(heading)[1].split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_runs_that_differ_in_seeds_are_one_row_with_intervals(tmp_path):
    add_runs(tmp_path / "s", "arithmetic", "n14", [arithmetic(right) for right in (4, 4, 4, 4, 0)])
    add_runs(tmp_path / "s", "arithmetic", "n28", [arithmetic(0)])
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    n14, n28, floor = rows_under("## Last checkpoint", page)
    assert n14[2:6] == ["1.000 (0.478 to 1.000)", "0.800 (0.284 to 0.995)", "-", "4/5 (0.28 to 0.99)"]
    assert n28[2:5] == ["196/196", "0/4", "-"]
    assert floor[2:5] == ["18/196", "0/4", "-"]
    assert [row[9] for row in (n14, n28, floor)] == ["5", "1", ""]
    assert "1 to 5 runs a cell, n beside each figure" in page
    assert "Seeds: model_seed 1 to 5; data_seed 1 to 5; split_seed 1 to 5." in page


def test_settings_that_set_cells_apart_are_shown(tmp_path):
    for weight_decay in (0.0, 0.1):
        add_runs(tmp_path / "s", "arithmetic", "n14", [arithmetic(4)] * 2, weight_decay=weight_decay)
    add_runs(tmp_path / "s", "arithmetic", "n28", [arithmetic(4)] * 2)
    rows = rows_under("## Last checkpoint", write_report(tmp_path / "s").read_text(encoding="utf-8"))
    assert [row[:3] for row in rows] == [
        ["arithmetic", "n28", ""],
        ["arithmetic", "n14", "weight_decay=0"],
        ["arithmetic", "n14", "weight_decay=0.1"],
        ["arithmetic", "*floor*", ""],
    ]


def test_the_html_page_holds_all_it_shows(tmp_path):
    add_runs(tmp_path / "s", {"path": "arithmetic", "name": "rotating_pair"}, "n14", [arithmetic(4)] * 2)
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    html = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert html.count('src="data:image/png;base64,') == page.count("![") == 2
    assert 'name="viewport"' in html
    # Nothing is fetched: the one outside address is a link to the paper.
    assert set(re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', html)) == {"https://arxiv.org/abs/2506.09099"}
    assert html.count("<table>") == html.count('<div class="wide" tabindex="0"><table>') == page.count("\n\n| ")
    for heading in re.findall(r"^## (.*)$", page, flags=re.MULTILINE):
        assert f"<h2>{heading}</h2>" in html
        anchor = re.sub("[^a-z]+", "-", heading.lower()).strip("-")
        assert html.count(f'href="#{anchor}">{heading}<') == html.count(f'id="{anchor}"') == 1
    # All is folded after the first figure, but for what there is to explore and what was run.
    folded = html.split('<details class="part">')
    assert "<h2>Against capacity</h2>" in folded[0]
    assert all('"explore"' in folded[0] and "<h2>What was run</h2>" not in part for part in folded[1:])


def test_the_heat_map_shows_which_sums_come_out_right(tmp_path):
    """Two runs withhold {1, 2}, of which one is right; one withholds {0, 9} and is wrong; the rest stays grey."""
    task = {"path": "arithmetic", "name": "rotating_pair"}
    ones, nines = ("<1+2=", "<2+1=", "<1-2=", "<2-1="), ("<0+9=", "<9+0=", "<0-9=", "<9-0=")
    for seed, prompts, right in ((1, ones, 4), (2, ones, 0), (3, nines, 0)):
        add_run(tmp_path / "s", task, "n14", arithmetic(right), prompts=prompts, model_seed=seed)
    cells = cells_of(read_records(tmp_path / "s"))
    curves = {record["run_id"]: read_curve(record["folder"]) for record in cells[0].records}
    right, asked = _tally([curves[record["run_id"]][-1]["withheld"] for record in cells[0].records])["+"]
    assert asked.sum() == 6
    assert {(a, b): (right[a, b], asked[a, b]) for a, b in zip(*np.nonzero(asked), strict=True)} == {
        (1, 2): (1, 2), (2, 1): (1, 2), (0, 9): (0, 1), (9, 0): (0, 1),
    }  # fmt: skip
    write_report(tmp_path / "s")
    with Image.open(tmp_path / "s" / "withheld_sums.png") as image:
        assert image.width == 1400
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
    # cividis at 0, at one half, and what was never withheld
    assert {(0, 34, 78), (125, 124, 120), (239, 239, 239)} <= colors
    many = [replace(cells[0], model=f"m{number}") for number in range(13)]
    assert draw_withheld_sums(many, curves) is None, "nobody could look at so many"
    shutil.rmtree(cells[0].records[-1]["folder"])  # what is left withholds the same sums
    write_report(tmp_path / "s")
    assert not (tmp_path / "s" / "withheld_sums.png").exists(), "no picture of an earlier report stays behind"


def test_how_it_was_run_is_reported(study):
    page = write_report(study).read_text(encoding="utf-8")
    assert page.startswith("# two_cells\n\n## The answer\n\n")
    assert "## What was run\n\n2 runs of 30,000 steps. Seeds: model_seed 1337; data_seed 1337;" in page
    assert "`hf-capacity run two_cells`" in page
    assert "**One run a cell proves nothing**" in page
    # Five runs of each of two cells, of 90 seconds each.
    assert "`hf-capacity replicate two_cells --seeds 5` trains them with fresh seeds, in about 15 minutes" in page
    assert "2 runs in 1.5 minutes from the first start to the last finish;\n3.0 minutes of runs added up" in page
    assert re.search(r"\| device +\| cpu \(arithmetic\); cuda:0 \(capitals\) \|", page)
    assert "training_step_fault" not in page
    assert "somewhere" not in page
    assert "-s1337-" in page.split("Stopped and resumed:")[1].split(", from step 1,000")[0]
    assert "seen n = 196, withheld n = 4, facts n = 50" in page


def test_what_the_study_asks_stands_where_its_folder_says_so(study):
    (study / "study.yaml").write_text("study: two_cells\nprotocol: 2\ndescription: Is it so?\n", encoding="utf-8")
    assert "## What was run\n\nIs it so?\n\n2 runs of 30" in write_report(study).read_text(encoding="utf-8")


def test_intervals_over_the_questions_are_shown_and_named_so(study):
    page = write_report(study).read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith("| capitals") and " to " in line]
    # 4 of 50, as worked out in test_wilson_intervals
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["-", "-", "0.032 to 0.188"]
    assert "Wilson 95 % intervals over the questions of one model" in page


def test_failed_and_unfinished_runs_are_named(study):
    assert "No run in this folder failed" in write_report(study).read_text(encoding="utf-8")
    for name in ("burst", "stopped"):
        (study / name).mkdir()
        (study / name / "config.yaml").write_text("", encoding="utf-8")
    failure = {"cause": "FloatingPointError: the loss\nis nan", "traceback": "..."}
    (study / "burst" / "failure.json").write_text(json.dumps(failure), encoding="utf-8")
    page = write_report(study).read_text(encoding="utf-8")
    assert "**2 runs failed or did not finish: see the end.**" in page
    assert "- burst failed: FloatingPointError: the loss is nan\n- stopped is not finished\n" in page


def test_there_must_be_a_finished_run(study, tmp_path):
    with pytest.raises(ValueError, match="nowhere is no folder"):
        write_report(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no finished run .it holds no run at all.*hf-capacity run"):
        write_report(tmp_path / "empty")
    for run in study.glob("*/record.json"):
        run.unlink()
    with pytest.raises(ValueError, match=r"no finished run .*is not finished"):
        write_report(study)
    assert not (study / "report.md").exists()


def test_runs_that_stopped_early_stand_apart_from_full_ones(tmp_path):
    stop = {"metric": "fit", "threshold": 1.0, "evaluations": 3}
    for seed in range(1, 5):
        folder = add_run(tmp_path / "s", "arithmetic", "n14", ARITHMETIC, model_seed=seed, stop_when=stop)
        if seed > 2:  # these came to their end before their last step
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            record["last"]["step"] -= 1
            (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| arithmetic") and "run=" in row]
    assert [re.search(r"run=[\w ]+?(?= *[|,])", row)[0] for row in rows][:2] == ["run=in full", "run=stopped early"]
    assert [row.split("|")[-4].strip() for row in rows][:2] == ["2", "2"]


def test_memorised_bits_are_shown_by_yardstick_and_never_on_one_axis(tmp_path):
    yardsticks = {"n14": "random strings", "n28": "shuffled answers", "n56": "facts with given keys"}
    for model, raw in (("n14", -3.0), ("n28", 40.0), ("n56", 80.0)):
        for seed in (1, 2):
            folder = add_run(tmp_path / "s", "arithmetic", model, ARITHMETIC, model_seed=seed)
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            record["bits"] = {
                "estimator": yardsticks[model], "source": "x", "demanded": 100.0, "raw": raw + seed,
                "memorised": max(raw, 0), "per_parameter": 0.5, "items": 10, "exposures_per_item": 70.0,
                "converged": seed == 1,
            }  # fmt: skip
            (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    page = write_report(tmp_path / "s").read_text(encoding="utf-8")
    section = page.split("## Memorised bits")[1].split("\n## ")[0]
    assert all(f" {yardstick} " in section for yardstick in yardsticks.values())
    assert "Shuffled answers are a third yardstick" in section
    assert "-2 (-2, -1)" in section  # raw, of a model that has learnt nothing
    assert " 1/2 |" in section  # converged
    assert (tmp_path / "s" / "bits.png").stat().st_size > 10_000


def test_a_setting_deep_in_a_task_is_called_by_its_last_name(tmp_path):
    for number in (30, 4):
        tasks = [{"path": "arithmetic"}, {"path": "facts", "parameters": {"num_keys": number}}]
        add_run(tmp_path / "s", {"path": "mixture", "parameters": {"tasks": tasks}}, "n14", BOTH)
    cells = cells_of(read_records(tmp_path / "s"))
    assert [cell.differs for cell in cells] == ["num_keys=4", "num_keys=30"]
