"""A kept study's models: asked as those of its runs are, and none that its records do not vouch for."""

import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load, save
from support.kept_runs import without_folder

from hf_capacity.boundary.writing import Damaged
from hf_capacity.demo.rendering import answers_html, tradeoff_html
from hf_capacity.demo.study import Study
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.evaluation.trained_model import ask
from hf_capacity.hub.contents import find_weights
from hf_capacity.runs.kept import load_curves, load_records, pack_study
from hf_capacity.runs.records import read_curve, read_record
from hf_capacity.runs.vouching import MODEL_FILES
from hf_capacity.runs.weights import unpack_model, unpack_study


@pytest.fixture(scope="module")
def runs(half_trained) -> Path:
    return half_trained["arithmetic"].parent


@pytest.fixture(scope="module")
def kept(runs, tmp_path_factory) -> Path:
    """The half-trained runs as a kept study."""
    folder = tmp_path_factory.mktemp("kept") / "half_trained"
    folder.mkdir()
    shutil.copy(runs / "study.yaml", folder)
    records = load_records(runs)
    files = pack_study(list(map(without_folder, records)), load_curves(runs, records)) | find_weights(runs, records)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_every_model_comes_back_to_the_byte_with_its_record_and_its_kept_checkpoints(runs, kept):
    unpacked = unpack_study(kept)
    names = {
        path.relative_to(runs)
        for path in runs.rglob("*")
        if path.name in (*MODEL_FILES, "learning_curve.jsonl") and "checkpoint" not in str(path)
    }
    assert len(names) == 3 * (2 * len(MODEL_FILES) + 1)
    for name in names:
        assert (unpacked / name).read_bytes() == (runs / name).read_bytes(), name
    assert [read_record(path.parent) for path in sorted(unpacked.glob("*/record.json"))] == [
        without_folder(record) for record in load_records(runs)
    ]


def test_one_model_is_asked_and_scored_by_the_beginning_of_its_name(runs, kept, half_trained, call):
    source = f"{kept}#arithmetic-n56"
    assert ask(source, "<5+7=") == ask(half_trained["arithmetic"], "<5+7=")
    assert ask(source, "<5+7=", step=50) == ask(half_trained["arithmetic"], "<5+7=", step=50)
    marks = evaluate_model(source)
    assert marks == evaluate_model(half_trained["arithmetic"])
    assert marks["vouched_for"]
    said = call("ask", source, "<5+7=")
    assert (said.exit_code, said.stdout.strip()) == (0, "<5+7=" + ask(half_trained["arithmetic"], "<5+7=").strip())


def test_the_demo_of_what_is_kept_shows_what_that_of_the_runs_shows(runs, kept):
    of_runs, of_kept = Study(runs), Study(kept)
    assert of_kept.kept_steps == of_runs.kept_steps == {title: [50] for title in of_runs.ladders}
    for trained_on in of_runs.ladders:
        seeds, prompt = of_runs.seeds(trained_on)[0], "<5+7="
        for place in (1, 2):
            pages = [answers_html(study, prompt, trained_on, seeds, place) for study in (of_runs, of_kept)]
            assert pages[0] == pages[1]


def test_the_figure_follows_the_slider_where_there_was_an_evaluation(runs):
    study = Study(runs)
    [trained_on] = [title for title in study.ladders if "both" in title]
    # Step 50 lies between two evaluations.
    ladder, step = study.ladder_at(trained_on, 1)
    assert (ladder, step) == (study.ladders[trained_on], None)
    study.kept_steps[trained_on] = [100]
    ladder, step = study.ladder_at(trained_on, 1)
    [record], [last] = ladder.cells[0].records, study.ladders[trained_on].cells[0].records
    counts = {row["step"]: row["counts"] for row in read_curve(record["folder"])}
    assert record["last"]["counts"] == counts[100] != last["last"]["counts"]
    assert "after 100 steps" in tradeoff_html(ladder, step)


def test_foreign_and_missing_weights_are_refused(kept, tmp_path, call):
    folder = shutil.copytree(kept, tmp_path / "kept")
    path = folder / "weights.safetensors"
    with safe_open(path, "pt") as weights:
        texts = weights.metadata()
    tensors = load(path.read_bytes())
    name = next(name for name in tensors if name.startswith("capitals") and "/step-" not in name)
    faults = {
        "has another capitals": (tensors | {name: tensors[name] + 1}, texts),
        "does not hold the models of runs.jsonl": (tensors, None),
        "does not hold the models of": (tensors, {"files": "["}),
        "has another": ({key: value for key, value in tensors.items() if key != name}, texts),
    }
    for message, content in faults.items():
        path.write_bytes(save(*content))
        with pytest.raises(Damaged, match=message):
            unpack_study(folder)
    path.write_bytes(b"no safetensors")
    with pytest.raises(Damaged, match="does not hold the models"):
        unpack_model(folder, "capitals-n56")
    path.unlink()
    for words, message in (
        (["ask", f"{folder}#capitals-n56", "x"], "has records but no weights.safetensors"),
        (["ask", f"{kept}#n56", "x"], "has no runs 'n56': name one, such as arithmetic-n56"),
        (["ask", f"{kept.parent}#n56", "x"], "is no kept study"),
        (["ask", kept, "x"], f"name one of its models, such as {kept}#arithmetic-n56"),
        (["ask", f"{kept}#both-n56", "x", "--step", "7"], f"`--step` (=7) was not kept in {kept}#both-n56"),
    ):
        said = call(*words)
        assert (said.exit_code, said.stderr.count("\n")) == (2, 1), said.stderr
        assert message in said.stderr
