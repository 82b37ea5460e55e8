"""A kept study may state hypotheses later: they are post hoc, and nothing else of its file changes."""

import importlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from hf_capacity.config.hypotheses import Hypothesis
from hf_capacity.config.study import read_study
from hf_capacity.runs.statement import read_statement


ROOT = Path(__file__).parents[2]
LINES, PLAIN = ({"intervention": way, "model": "n28"} for way in ("lines", "plain"))
HYPOTHESIS = Hypothesis(
    name="lines help", rate="fit", expect="higher", smallest_difference=0.2, primary=True, compare=(LINES, PLAIN)
)


def read(folder):
    content = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("question", "hypotheses", "stated")}, content


def test_a_kept_study_states_hypotheses_post_hoc(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = importlib.import_module("state_hypotheses")
    kept = shutil.copytree(ROOT / "model_cards" / "rescue", tmp_path / "rescue")
    before, _ = read(kept)
    plan = replace(read_study("rescue"), question="Do they?", hypotheses=(HYPOTHESIS,))
    monkeypatch.setattr(script, "KEPT", tmp_path)
    monkeypatch.setattr(script, "read_study", lambda name: plan)
    for _ in range(2):  # the second time there is nothing to do
        script.main("rescue")
        after, content = read(kept)
        statement = read_statement(kept)
        assert after == before
        assert statement.question == "Do they?"
        assert statement.hypotheses == (replace(HYPOTHESIS, is_post_hoc=True),)
        assert content["stated"]["lines help"]["finished_runs"] == 216
    plan = replace(plan, name="none")
    with pytest.raises(ValueError, match="none is not kept"):
        script.main("none")
