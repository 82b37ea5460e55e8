"""Whatever reads a result reads what was written, or says which file is another: a flipped bit, anywhere."""

import json
import shutil

import pytest
from support.stopped import Stopped, stop_at
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import read_record, record_text
from hf_capacity.runs.schema import content_digest
from hf_capacity.runs.vouching import MODEL_FILES, read_seal


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=40, eval_steps=10, save_steps=10,
    keep_checkpoints=[5, 25],
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run, and the same one stopped after its checkpoint of step 30: copied by whoever damages them."""
    output = tmp_path_factory.mktemp("made")
    run_experiment(RUN, output / "finished", study="s")
    with pytest.raises(Stopped):
        run_experiment(RUN, output / "stopped", study="s", progress=stop_at(40))
    return output


@pytest.fixture
def finished(made, tmp_path):
    return RunFolder(shutil.copytree(made / "finished", tmp_path / "s"), RUN)


@pytest.fixture
def stopped(made, tmp_path):
    return RunFolder(shutil.copytree(made / "stopped", tmp_path / "s"), RUN)


def flip(path, place=-200):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def call(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def assert_refused(result, *names):
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for name in names:
        assert name in result.stderr


def as_before(folder):
    """Makes a finished run one of before records held digests of their own and of kept weights."""
    record = {key: value for key, value in read_record(folder.path).items() if key != "digest"}
    files = {name: digest for name, digest in record["files"].items() if "/" not in name}
    folder.record.write_text(record_text(record | {"schema_version": 1, "files": files}), encoding="utf-8")


def seal_as_before(folder, step=30):
    manifest = folder.path / f"checkpoint-{step}" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text(encoding="utf-8"))["files"]), encoding="utf-8")


def test_a_record_vouches_for_itself_its_curve_its_model_and_its_kept_weights(finished):
    record = read_record(finished.path)
    assert record["digest"] == content_digest(record)
    kept = {f"step-{step}/{name}" for step in RUN.keep_checkpoints for name in MODEL_FILES}
    assert set(record["files"]) == {"config.yaml", "learning_curve.jsonl", *MODEL_FILES, *kept}
    assert finished.done()
    assert evaluate_model(finished.path)["vouched_for"] is True
    assert evaluate_model(finished.path, step=25)["vouched_for"] is True
    assert "ouches for" not in call("evaluate", finished.path).output


@pytest.mark.parametrize("name", MODEL_FILES)
@pytest.mark.parametrize("step", [None, 25])
def test_a_model_of_which_a_bit_has_flipped_is_not_asked(finished, name, step):
    flip((finished.path / f"step-{step}" if step else finished.path) / name, place=20)
    words = ["--step", step] if step else []
    assert_refused(call("evaluate", finished.path, *words), name, "is not the file that the record vouches for")
    assert_refused(call("ask", finished.path, "<1+1=", *words), name)
    assert_refused(call("publish", "study", finished.path.parent, "--dry-run", "--output", "no"), name)
    if step:
        assert_refused(call("evaluate", finished.path / f"step-{step}"), name)


def test_kept_weights_that_no_record_names_are_not_asked(finished):
    shutil.copytree(finished.path / "step-25", finished.path / "step-30")
    assert_refused(
        call("evaluate", finished.path, "--step", 30), "step-30 is not among what", "record.json vouches for"
    )


@pytest.mark.parametrize("command", ["report", "results", "demo", "evaluate", "publish study"])
def test_a_record_of_which_a_bit_has_flipped_is_not_read(finished, command):
    text = finished.record.read_text(encoding="utf-8")
    finished.record.write_text(text.replace('"exact_match": [', '"exact_match": [1', 1), encoding="utf-8")
    folder = finished.path if command == "evaluate" else finished.path.parent
    words = ["--dry-run"] if "publish" in command else []
    assert_refused(call(*command.split(), folder, *words), "record.json is not as it was written")


def test_every_bit_of_a_record_counts_but_for_how_it_is_laid_out(finished):
    whole = finished.record.read_bytes()
    for place in range(0, len(whole), 37):
        flip(finished.record, place)
        changed = finished.record.read_bytes()
        try:
            is_read = bool(read_record(finished.path))
        except ValueError:
            is_read = False
        assert not is_read or json.loads(changed) == json.loads(whole), changed[place - 20 : place + 20]
        finished.record.write_bytes(whole)


@pytest.mark.parametrize("command", ["report", "publish study"])
def test_a_curve_of_which_a_bit_has_flipped_is_not_drawn(finished, command):
    flip(finished.curve)
    result = call(*command.split(), finished.path.parent, *(["--dry-run"] if "publish" in command else []))
    assert_refused(result, "learning_curve.jsonl")
    assert not (finished.path.parent / "report.md").exists()


def test_what_was_made_before_is_read_reported_and_scored_and_marked(finished):
    as_before(finished)
    assert finished.done()
    output = finished.path.parent
    assert "Nothing vouches for 1 of 1 runs" in call("results", output).output
    assert "Nothing vouches for 1 run of these" in call("report", output).output
    assert "Nothing vouches for this model" in call("evaluate", finished.path).output
    assert evaluate_model(finished.path, step=25)["vouched_for"] is False
    published = call("publish", "study", output, "--no-data", "--dry-run", "--output", output.parent / "hub")
    assert published.exit_code == 0, published.stderr
    cards = list((output.parent / "hub").rglob("main/README.md"))
    assert len(cards) == 2
    assert all("Nothing vouches for 1 of its records" in card.read_text(encoding="utf-8") for card in cards)
    flip(finished.path / "model.safetensors")  # which has always been in the record
    assert_refused(call("evaluate", finished.path), "model.safetensors")


def test_what_is_published_vouches_for_itself_without_what_is_private(finished, tmp_path):
    assert call("publish", "model", finished.path, "--dry-run", "--output", tmp_path / "hub").exit_code == 0
    [published] = (tmp_path / "hub").rglob("main/record.json")
    record = read_record(published.parent)
    assert "host" not in record["provenance"]
    assert evaluate_model(published.parent)["vouched_for"] is True
    flip(published.parent / "model.safetensors")
    assert_refused(call("evaluate", published.parent), "model.safetensors")


# A run that is half done


def resumed(folder):
    record = run_experiment(RUN, folder.path.parent, study="s")
    return record["provenance"]["resumed_from"]


def assert_same_result(folder, made):
    for name, digest in read_record(made / "finished" / RUN.run_id)["files"].items():
        assert read_record(folder.path)["files"][name] == digest


@pytest.mark.parametrize("damage", ["flipped bit", "forged row", "row less"])
def test_a_half_done_runs_curve_that_has_changed_is_found_and_the_run_starts_again(stopped, made, caplog, damage):
    rows = [json.loads(line) for line in stopped.curve.read_text(encoding="utf-8").splitlines()]
    if damage == "flipped bit":
        rows[2]["loss"] += 1e-9
    elif damage == "forged row":
        rows[1] |= {"extrapolation": 1.0, "counts": rows[1]["counts"] | {"extrapolation": [4, 4]}}
    else:
        del rows[1]
    stopped.curve.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert resumed(stopped) == []
    assert "learning_curve.jsonl" in caplog.text
    assert "The run starts again." in caplog.text
    assert_same_result(stopped, made)


def test_what_came_after_the_checkpoint_is_written_again_whatever_became_of_it(stopped, made):
    with open(stopped.curve, "a", encoding="utf-8") as file:
        file.write("\x00 not a row\n")
    assert resumed(stopped) == [30]
    assert_same_result(stopped, made)


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()])
def test_kept_weights_of_a_half_done_run_are_covered_by_its_seal(stopped, made, caplog, damage):
    assert evaluate_model(stopped.path, step=5)["vouched_for"] is True
    damage(stopped.path / "step-5" / "model.safetensors")
    result = call("evaluate", stopped.path, "--step", 5)
    assert result.exit_code == 2
    assert resumed(stopped) == []
    assert (
        "model.safetensors is not the file that the last checkpoint vouches for. The run starts again." in caplog.text
    )
    assert_same_result(stopped, made)


def test_the_state_before_that_is_whole_is_gone_on_from(stopped, made, caplog, tmp_path):
    with pytest.raises(Stopped):
        run_experiment(RUN, tmp_path / "earlier", study="s", progress=stop_at(30))
    earlier = tmp_path / "earlier" / RUN.run_id
    shutil.copytree(earlier / "checkpoint-20", stopped.path / "checkpoint-20")
    lines = stopped.curve.read_text(encoding="utf-8").splitlines(keepends=True)
    stopped.curve.write_text("".join([*lines[:3], lines[3].replace("0", "1", 1)]), encoding="utf-8")
    assert resumed(stopped) == [20]
    assert "is not what was written up to step 30. The run goes on from step 20." in caplog.text
    assert_same_result(stopped, made)


def test_damage_between_writing_and_sealing_is_not_sealed(made, tmp_path):
    def damage(step, row):
        if row and step == 10:
            flip(folder.curve)

    folder = RunFolder(tmp_path, RUN)
    run_experiment(RUN, tmp_path, study="s", progress=damage)
    with pytest.raises(ValueError, match="learning_curve"):
        folder.done()


def test_a_half_done_run_of_before_goes_on_and_is_sealed_from_then_on(stopped, made):
    seal_as_before(stopped)
    assert read_seal(stopped.path / "checkpoint-30").curve is None
    with pytest.raises(Stopped):
        run_experiment(RUN, stopped.path.parent, study="s", progress=stop_at(40))
    assert resumed(stopped) == [30, 30]
    assert_same_result(stopped, made)
    assert "step-5/model.safetensors" in read_record(stopped.path)["files"]


def test_a_half_done_run_of_before_whose_curve_has_a_hole_starts_again(stopped, made):
    seal_as_before(stopped)
    rows = [json.loads(line) for line in stopped.curve.read_text(encoding="utf-8").splitlines()]
    del rows[1]["counts"]
    stopped.curve.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert resumed(stopped) == []
    assert_same_result(stopped, made)
