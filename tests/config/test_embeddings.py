"""Interventions on initial weights as keys of a run: their ids, and what is refused before anything is written."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from hf_capacity.boundary.writing import sha256
from hf_capacity.cli import app
from hf_capacity.config.arms import Arms
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.sources import as_source
from hf_capacity.config.study import read_study


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 10, "eval_steps": 10}
DIGEST = "sha256:0123456789abcdef"


def config(**changes):
    return ExperimentConfig.from_dict(CELL | changes)


def model(**keys):
    return {"model": {"name": "n14", **keys}}


@pytest.fixture
def source(tmp_path):
    """As much of a finished run as a config looks at."""
    folder = tmp_path / "source"
    (folder / "step-5").mkdir(parents=True)
    digests = {}
    for name in ("model.safetensors", "step-5/model.safetensors"):
        (folder / name).write_bytes(name.encode())
        digests[name] = sha256(folder / name)
    (folder / "record.json").write_text(json.dumps({"files": digests}), encoding="utf-8")
    return folder


def test_what_is_at_its_default_is_left_out_and_moves_no_id():
    defaults = {"embeddings": {"init": "random", "frozen": False, "rank": None}, "start_from": None}
    same = config(**defaults, **model(tie_word_embeddings=True, initializer_range=0.02))
    assert same == config()
    assert same.run_id == config().run_id
    assert not {"embeddings", "start_from"} & set(same.to_dict())


def test_each_intervention_is_a_run_of_its_own_and_comes_back_from_its_record():
    runs = [
        config(),
        config(embeddings={"init": "line"}),
        config(embeddings={"frozen": True}),
        config(embeddings={"rank": 2}),
        config(embeddings={"rank": 3}),
        config(embeddings={"init": DIGEST}),
        config(start_from=DIGEST),
        config(**model(initializer_range=1e-3)),
        config(**model(tie_word_embeddings=False)),
    ]
    assert len({run.run_id for run in runs}) == len(runs)
    for run in runs:
        assert ExperimentConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    assert runs[2].to_dict()["embeddings"] == {"frozen": True}
    assert runs[7].to_dict()["model"]["initializer_range"] == 1e-3


def test_a_source_is_known_by_its_weights_wherever_it_lies(source, tmp_path):
    run, kept = config(start_from=str(source)), config(start_from=str(source / "step-5"))
    assert run.to_dict()["start_from"] == f"sha256:{sha256(source / 'model.safetensors')}"
    assert kept.to_dict()["start_from"] == f"sha256:{sha256(source / 'step-5/model.safetensors')}"
    moved = source.rename(tmp_path / "moved")
    assert config(start_from=str(moved)) == run
    assert config(start_from=run.to_dict()["start_from"]).run_id == run.run_id
    assert config(embeddings={"init": moved}).source == run.source


def test_arms_hold_digests_so_that_they_are_found_when_a_source_is_gone(source):
    run = config(start_from=str(source))
    grid = {
        "begin": {"drawn": {"model": "n14"}, "learned": {"start_from": str(source)}},
        "embeddings.init": {"usual": "random", "copied": str(source)},
    }
    arms = Arms.of(grid, CELL)
    assert str(source) not in str(arms.axes)
    (source / "record.json").unlink()
    assert arms.find(run.to_dict())["begin"].name == "learned"
    assert arms.find(config(embeddings={"init": str(run.source)}).to_dict())["embeddings.init"].name == "copied"


REFUSED = [
    ({"embeddings": {"rank": 15}}, "`embeddings.rank` (=15) must not exceed the width, `n_embd` (=14)."),
    ({"embeddings": {"rank": 0}}, "`embeddings.rank` (=0): input should be greater than 0"),
    ({"embeddings": {"rank": 1}}, "`embeddings.rank` (=1) with a tied head can write two characters at most"),
    ({"embeddings": {"init": "line", "frozen": True}}, "with a tied head can write no digits but the first and the l"),
    ({"embeddings": {"init": "nowhere"}}, "`embeddings.init` (='nowhere') must be random, line, or the folder of a"),
    ({"embeddings": {"frozen": 1}}, "`embeddings.frozen` (=1): input should be a valid boolean"),
    ({"embeddings": {"froze": True}}, "unknown key `embeddings.froze`: did you mean `frozen`?"),
    ({"embeddings": "line"}, "`embeddings` (='line'): input should be a dictionary"),
    ({"start_from": "nowhere"}, "`start_from` (='nowhere') must be the folder of a finished run"),
    ({"start_from": 3}, "`start_from` (=3) must be the folder of a finished run"),
    ({"start_from": "pickled"}, "has no model.safetensors: pickled weights are not read, for they can run code."),
    ({"start_from": "unfinished"}, "is no finished run: it has no record.json. `hf-capacity run` finishes it."),
    ({"start_from": "changed"}, "is not whole: its model.safetensors is not the file that its record vouches for."),
    ({"start_from": DIGEST, "embeddings": {"init": "line"}}, "(='line') and `start_from` both say what the embeddin"),
    ({"start_from": DIGEST, **model(initializer_range=0.1)}, "`model.initializer_range` (=0.1) is for weights that"),
    ({"start_from": DIGEST}, f"is to begin from {DIGEST}, and has no checkpoint to go on from: name the folder"),
    (model(initializer_range=0), "`model.initializer_range` (=0) must be a number above 0, at most 10."),
    (model(initializer_range="wide"), "`model.initializer_range` (='wide') must be a number above 0, at most 10."),
    (model(tie_word_embeddings="no"), "`model.tie_word_embeddings` (='no'): input should be a valid boolean"),
    ({"task": "capitals", "block_size": 24, "embeddings": {"init": "line"}}, "the text has none of them: it takes 3"),
    ({"model": "n56", "embeddings": {"rank": 18}}, "must not exceed 17: the embedding has 17 characters in 56 dimen"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[str(settings) for settings, _ in REFUSED])
def test_what_cannot_be_is_refused_in_a_line_and_nothing_is_written(settings, message, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pickled", "unfinished"):
        (tmp_path / name).mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"")
    source.rename(tmp_path / "changed")
    (tmp_path / "changed" / "model.safetensors").write_bytes(b"other")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"settings": CELL | settings}), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["run", "s.yaml"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert message in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_overrides_and_axes_set_them(source, tmp_path):
    path = tmp_path / "s.yaml"
    grid = {"embeddings.rank": [None, 2, 3], "model.tie_word_embeddings": [True, False]}
    path.write_text(yaml.safe_dump({"settings": CELL, "grid": grid}), encoding="utf-8")
    assert len({run.run_id for run in read_study(str(path)).runs()}) == 6
    [run] = read_study(
        str(path), ["embeddings.rank=3", "model.tie_word_embeddings=false", "embeddings.frozen=true"]
    ).runs()
    assert (run.embeddings.rank, run.embeddings.frozen, run.model.tie_word_embeddings) == (3, True, False)
    started = read_study(str(path), [f"start_from={source}"]).runs()
    assert {run.start_from for run in started} == {as_source("start_from", str(source))}
