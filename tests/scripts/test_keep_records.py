"""A study that is run and kept in parts, against the same study run at once."""

import json
import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hf_capacity.boundary.reading import read_yaml
from hf_capacity.cli import app
from hf_capacity.runs.kept import load_curves, load_records
from hf_capacity.runs.originals import Original, claim_replication
from hf_capacity.runs.weights import unpack_model


pytestmark = pytest.mark.processes  # studies, run by commands

SCRIPT = Path(__file__).parents[2] / "scripts" / "keep_records.py"
STUDY = {
    "settings": {"task": "arithmetic", "block_size": 9, "batch_size": 8, "steps": 4, "eval_steps": 2},
    "grid": {"model": ["n14", "n28"]},
    "question": "Does it matter?",
    "seeds": {"model_seed+data_seed": 2},
}


@pytest.fixture
def keep(tmp_path):
    """`keep` of the script, which writes into a folder of this test's."""
    script = runpy.run_path(str(SCRIPT))
    script["keep"].__globals__["KEPT"] = tmp_path / "kept"
    return script["keep"]


def run(tmp_path, output, *overrides):
    """Runs the study, or a part of it, in a folder of its own. Gives that."""
    plan = tmp_path / "small.yaml"
    plan.write_text(json.dumps(STUDY), encoding="utf-8")
    folder = tmp_path / output / "small"
    said = CliRunner().invoke(app, ["run", str(plan), *overrides, "--output", str(folder), "--workers", "1"])
    assert said.exit_code == 0, said.output
    return folder


def test_parts_add_up_to_the_whole(tmp_path, keep):
    whole = load_records(run(tmp_path, "whole"))
    kept = keep(run(tmp_path, "first", "model=n28"), weights=False)
    stated = read_yaml(kept / "study.yaml")
    second = run(tmp_path, "second", "model=n14")
    # What it replicates has grown between the parts.
    grown = Original(study="larger", folder="larger", runs=9, digest="0123456789ab")
    claim_replication(second, grown)
    assert keep(second, weights=False) == kept
    records = load_records(kept)
    assert [record["run_id"] for record in records] == [record["run_id"] for record in whole]
    assert [record["last"] for record in records] == [record["last"] for record in whole]
    assert list(load_curves(kept, records)) == [record["run_id"] for record in records]
    assert read_yaml(kept / "study.yaml") == stated | {"replicates": grown.to_dict()}
    assert "4 runs of 4 steps" in (kept / "report.md").read_text(encoding="utf-8")


def test_a_run_that_is_kept_again_is_there_once(tmp_path, keep):
    first = keep(run(tmp_path, "whole"), weights=False)
    assert not (first / "weights.safetensors").exists()
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    assert keep(tmp_path / "whole" / "small", weights=True) == first
    assert unpack_model(first, min(path.parent.name for path in (tmp_path / "whole").rglob("record.json"))).is_dir()
    (first / "weights.safetensors").unlink()
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
