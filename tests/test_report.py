"""The report against hand-written tables, the published files themselves, and the images' own pixels."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hf_capacity.config import ExperimentConfig
from hf_capacity.figures import model_label
from hf_capacity.published import published_accuracy, published_curve
from hf_capacity.report import render_table, write_report
from hf_capacity.results import read_records
from hf_capacity.statistics import wilson_interval


PUBLISHED = Path(__file__).parent.parent / "hf_capacity" / "published"
FLOORS = {"fit": 18 / 196, "extrapolation": 0.0, "recall": 1 / 50}
ARITHMETIC = {"fit": [196, 196], "extrapolation": [1, 4]}
CAPITALS = {"recall": [4, 50]}
BOTH = {"fit": [98, 196], "extrapolation": [0, 4], "recall": [49, 50]}


def evaluation(step, counts):
    """What a record, and a row of a learning curve, say of one evaluation that counted `counts`."""
    published = {}
    if "fit" in counts:
        published = {"addition": [counts["fit"][0] // 2 - 9, 91], "subtraction": [counts["fit"][0] // 2 - 8, 91]}
    if "recall" in counts:
        published["capital"] = counts["recall"]
    rates = {name: counts[name][0] / counts[name][1] if name in counts else None for name in FLOORS}
    floors = {name: floor for name, floor in FLOORS.items() if name in counts}
    return {
        "step": step,
        "loss": 0.74614,
        **rates,
        "counts": counts,
        "intervals_over_questions_of_one_model": {name: wilson_interval(*count) for name, count in counts.items()},
        "published_scoring": published,
        "floors": floors,
    }


def add_run(study, task, model, counts, best=None, **settings):
    """A finished run as `experiment` leaves it, its files and weights apart."""
    config = ExperimentConfig(task=task, model=model, block_size=24, batch_size=576, **settings)
    nothing = {name: [0, questions] for name, (_, questions) in counts.items()}
    curve = [evaluation(0, nothing), evaluation(15_000, best or counts), evaluation(config.steps, counts)]
    record = {
        "schema_version": 1,
        "run_id": config.run_id,
        "study": study.name,
        "config": config.to_dict(),
        "num_parameters": 1582 if config.model.n_embd == 14 else 5516,
        "num_parameters_without_positions": 1456,
        "last": curve[2],
        "best_on_withheld": curve[1],
        "late_evaluations_solved": [3, 24] if "extrapolation" in counts else None,
        "provenance": {
            "started": "2026-01-01T00:00:00+00:00",
            "finished": "2026-01-01T00:01:30+00:00",
            "seconds": 90.0,
            "resumed_from": [1000] if task == "capitals" else [],
            "host": "somewhere",
            "versions": {"torch": "2.13.0"},
            "git_commit": "0123456789ab",
            "device": "cpu" if task == "arithmetic" else "cuda:0",
            "num_threads": 1,
            "training_step_fault": None,
        },
        "files": {},
    }
    folder = study / config.run_id
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("")
    (folder / "learning_curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in curve))
    (folder / "record.json").write_text(json.dumps(record))


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "two_cells"
    add_run(folder, "capitals", "n14", CAPITALS)
    add_run(folder, "arithmetic", "n14", ARITHMETIC, best={"fit": [195, 196], "extrapolation": [4, 4]})
    return folder


def test_the_table_is_as_written_by_hand(study):
    expected = """\
| trained on | model   | parameters | without positions |     fit | extrapolation | recall |  loss | best on withheld | late solved |
| ---------- | ------- | ---------: | ----------------: | ------: | ------------: | -----: | ----: | ---------------: | ----------: |
| arithmetic | n14     |      1,582 |             1,456 | 196/196 |           1/4 |      - | 0.746 |    4/4 at 15,000 |        3/24 |
| arithmetic | *floor* |            |                   |  18/196 |           0/4 |      - |       |                  |             |
| capitals   | n14     |      1,582 |             1,456 |       - |             - |   4/50 | 0.746 |                - |           - |
| capitals   | *floor* |            |                   |       - |             - |   1/50 |       |                  |             |"""  # noqa: E501
    assert render_table(read_records(study)) == expected
    assert expected in write_report(study).read_text()


def test_ours_stand_beside_the_published_figures(study):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in write_report(study).read_text().splitlines()]
    header = rows.index(
        ["trained on", "model"]
        + [word for kind in ("addition", "subtraction", "facts") for word in (f"{kind}: last", "best", "published")]
        + ["loss: last", "published"]
    )
    arithmetic = ["89/91", "88/91", "91/91", "90/91", "89/91", "91/91", "-", "-", "-"]
    assert rows[header + 2] == ["arithmetic", "n14", *arithmetic, "0.7461", "0.7462"]
    assert rows[header + 3] == ["capitals", "n14", *["-"] * 6, "4/50", "4/50", "4.1/50", "0.7461", "0.7240"]


def test_published_figures_are_those_of_the_files():
    with open(PUBLISHED / "accuracy.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        looked_up = published_accuracy(row["task"], row["model"])
        named = {"addition": "addition_accuracy", "subtraction": "subtraction_accuracy", "capital": "facts_accuracy"}
        assert {kind: str(looked_up.get(kind, "")) for kind in named} == {kind: row[named[kind]] for kind in named}

        curve = published_curve(row["task"], row["model"])
        assert bool(curve) == (row["task"] != "both")
        if row["task"] == "arithmetic":  # the mean of the two operations, recounted
            with open(PUBLISHED / "curves" / f"arithmetic_{row['model']}.csv") as file:
                counted = list(csv.DictReader(file))
            correct = [int(line["add_correct"]) + int(line["sub_correct"]) for line in counted]
            assert [accuracy for _, accuracy in curve] == pytest.approx([number / 1820 for number in correct])
        assert [step for step, _ in curve] == (list(range(0, 30_001, 250)) if curve else [])
    assert published_accuracy("arithmetic", "n15") == {}
    assert published_curve("capitals", "n15") == []


def test_n14_is_at_full_accuracy_in_27_published_evaluations():
    assert sum(accuracy == 1 for _, accuracy in published_curve("arithmetic", "n14")) == 27


def test_the_figures_show_something_and_come_out_the_same_again(study):
    names = ("report.md", "learning_curves.png", "capacity.png")
    write_report(study)
    first = {name: (study / name).read_bytes() for name in names}
    for name in names[1:]:
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
    page = write_report(tmp_path / "s").read_text()
    assert "| both       | n28   |          40/91 | 40/91 |     86/91 |             41/91 |" in page
    assert "grey line" not in page


def test_cells_that_are_not_the_studys_are_compared_with_nothing(tmp_path):
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32}
    add_run(tmp_path / "s", "both", shape, BOTH)
    page = write_report(tmp_path / "s").read_text()
    assert "published" not in page.lower()
    (record,) = read_records(tmp_path / "s")
    assert model_label(record) == ExperimentConfig.from_dict(record["config"]).model.label == "L2-d32-h2"


def test_runs_of_one_cell_keep_their_own_rows(study):
    add_run(study, "arithmetic", "n14", ARITHMETIC, model_seed=2)
    add_run(study, "arithmetic", "n28", ARITHMETIC, model_seed=5)
    page = write_report(study).read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in render_table(read_records(study)).split("\n")]
    assert rows[0] == ["trained on", "model", "differs in"]
    assert rows[2:5] == [
        ["arithmetic", "n14", "model_seed=2"],
        ["arithmetic", "n14", "model_seed=1337"],
        ["arithmetic", "n28", ""],
    ]
    assert "**1 to 2 runs a cell**" in page
    assert "model_seed 2, 1337, 5;" in page


def test_how_it_was_run_is_told(study):
    page = write_report(study).read_text()
    assert page.startswith("# two_cells\n\n2 runs of 30,000 steps. Seeds: model_seed 1337; data_seed 1337;")
    assert "`hf-capacity run two_cells`" in page
    assert "**One run a cell.**" in page
    assert "2 runs in 1.5 minutes from the first start to the last finish;\n3.0 minutes of runs added up" in page
    assert "| device         | cpu (arithmetic); cuda:0 (capitals) |" in page
    assert "training_step_fault" not in page
    assert "somewhere" not in page
    assert "-s1337-" in page.split("Stopped and resumed:")[1].split(", from step 1,000")[0]
    assert "seen n = 196, withheld n = 4, facts n = 50" in page


def test_intervals_over_the_questions_are_told_and_named_so(study):
    page = write_report(study).read_text()
    [row] = [line for line in page.splitlines() if line.startswith("| capitals") and " to " in line]
    # 4 of 50, as worked out in test_wilson_intervals
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["-", "-", "0.032 to 0.188"]
    assert "Wilson 95 % intervals over the questions of one model" in page


def test_failed_and_unfinished_runs_are_named(study):
    assert "No run in this folder failed" in write_report(study).read_text()
    for name in ("burst", "stopped"):
        (study / name).mkdir()
        (study / name / "config.yaml").write_text("")
    failure = {"cause": "FloatingPointError: the loss\nis nan", "traceback": "..."}
    (study / "burst" / "failure.json").write_text(json.dumps(failure))
    page = write_report(study).read_text()
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


def test_wilson_intervals():
    assert wilson_interval(4, 4) == pytest.approx((0.51, 1.0), abs=0.005)
    assert wilson_interval(0, 4) == pytest.approx((0.0, 0.49), abs=0.005)
    # The textbook's formula, with z = 1.959964.
    z, n, share = 1.959964, 50, 0.08
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    expected = ((middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n))
    assert wilson_interval(4, 50) == pytest.approx(expected, rel=1e-6)
