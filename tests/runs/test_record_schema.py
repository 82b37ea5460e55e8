"""A record with a hole, or with a number that cannot be, is refused in a line before anybody trips over it."""

import copy
import json
import math
from pathlib import Path

import pytest
from support.kept_runs import without_folder
from support.made_records import BOTH, add_run
from support.stamping import stamped
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.runs.kept import load_records
from hf_capacity.runs.records import read_record, record_text
from hf_capacity.runs.schema import content_digest, record_fault, row_fault, with_digest


WIDTH = Path(__file__).parents[2] / "model_cards" / "width"


def record():
    return without_folder(load_records(WIDTH)[-1])


def holes(content, place=()):
    """Every path into a mapping."""
    for key, value in content.items():
        yield (*place, key)
        if isinstance(value, dict):
            yield from holes(value, (*place, key))


def without(content, place):
    content = copy.deepcopy(content)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    del owner[place[-1]]
    return content


@pytest.mark.parametrize("command", ["report", "results"])
def test_a_record_with_any_hole_is_shown_or_refused_in_a_line(tmp_path, command):
    folder = add_run(tmp_path / "s", "both", "n14", BOTH)
    whole = read_record(folder)
    places = [place for place in holes(whole) if place[0] not in ("config",) or len(place) < 3]
    for place in places[:: 1 if command == "results" else 9]:
        (folder / "record.json").write_text(json.dumps(without(whole, place)), encoding="utf-8")
        result = CliRunner().invoke(app, [command, str(folder.parent)])
        assert result.exit_code in (0, 2), (place, result.exception)
        assert result.stderr.count("\n") == (result.exit_code == 2), place


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("num_parameters",), -1),
        (("num_parameters",), 10.5),
        (("num_parameters",), True),
        (("last", "loss"), math.nan),
        (("last", "loss"), "0.1"),
        (("last", "counts", "exact_match"), [5, 4]),
        (("last", "counts", "exact_match"), [-1, 4]),
        (("last", "counts", "exact_match"), [0, 0]),
        (("last", "exact_match"), 0.123),
        (("last", "extrapolation"), 2.0),
        (("best_on_withheld",), []),
        (("config", "keep_checkpoints"), ["../../x"]),
        (("config", "task", "path"), None),
        (("provenance", "started"), "yesterday"),
        (("provenance", "started"), "2026-01-01T00:00:00"),
        (("provenance", "seconds"), math.inf),
        (("late_evaluations_solved",), [7, 5]),
        (("files", "../../etc/passwd"), "0"),
        (("files", "/dev/zero"), "0"),
        (("files", ".."), "0"),
        (("answers",), []),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(place, value):
    changed = copy.deepcopy(record())
    assert record_fault(changed) is None
    owner = changed
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    fault = record_fault(changed)
    assert fault
    assert "\n" not in fault


@pytest.mark.parametrize("content", [b"", b"null", b"3", b"[" * 100_000, b'{"schema_version": [1]}', b"\xff"])
def test_what_is_no_record_at_all_is_refused_in_a_line(tmp_path, content):
    folder = add_run(tmp_path / "s", "both", "n14", BOTH)
    (folder / "record.json").write_bytes(content)
    result = CliRunner().invoke(app, ["results", str(folder.parent)])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "record.json" in result.stderr


def test_a_row_without_what_the_figures_read_is_named(tmp_path):
    folder = add_run(tmp_path / "s", "both", "n14", BOTH)
    rows = [json.loads(line) for line in (folder / "learning_curve.jsonl").read_text(encoding="utf-8").splitlines()]
    assert row_fault(rows[0]) is None
    del rows[1]["loss"]
    (folder / "learning_curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = CliRunner().invoke(app, ["report", str(folder.parent)])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "in row 2, `loss` is missing" in result.stderr


def test_a_digest_is_of_the_content_and_of_nothing_else():
    one, other = {"a": 1, "b": [1.5, None]}, {"b": [1.5, None], "a": 1, "digest": "whatever"}
    assert content_digest(one) == content_digest(other) == with_digest(one)["digest"]
    assert content_digest(one) != content_digest(one | {"a": 2})
    again = json.loads(record_text(stamped(record())))
    assert again["digest"] == content_digest(again)
    assert with_digest({1: (2, 3)})["digest"] == content_digest({"1": [2, 3]})
