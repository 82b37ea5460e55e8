import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from hf_capacity import ask, evaluate_model
from hf_capacity.inference import load_model
from hf_capacity.results import read_curve, read_record


@pytest.mark.parametrize("task", ["arithmetic", "capitals", "both"])
def test_a_saved_model_is_marked_as_its_record_says(half_trained, task):
    marks = evaluate_model(half_trained[task])
    last = read_record(half_trained[task])["last"]
    assert {key: marks[key] for key in ("counts", "kinds", "floors", "published_scoring")} == {
        key: last[key] for key in ("counts", "kinds", "floors", "published_scoring")
    }
    assert marks["task"]["path"] == task
    told = read_record(half_trained[task])["answers"]
    assert {row["prompt"]: row["written"] for row in told if not row["seen"]} == marks["written_for_withheld"]
    assert {row["prompt"]: row["written"].startswith(row["answer"]) for row in told if not row["seen"]} == (
        marks["withheld"]
    )
    assert len([row for row in told if row["seen"]]) == 3 * len(marks["kinds"])
    for prompt, right in marks["withheld"].items():
        first, second = prompt[1], prompt[3]
        result = int(first) + int(second) if "+" in prompt else int(first) - int(second)
        assert marks["written_for_withheld"][prompt].startswith(f"{result}>") == right


def test_a_kept_checkpoint_is_the_model_of_its_step(half_trained):
    kept = evaluate_model(half_trained["arithmetic"], step=50)
    assert kept["counts"] != evaluate_model(half_trained["arithmetic"])["counts"]
    assert read_curve(half_trained["arithmetic"])[0]["counts"]["fit"][1] == kept["counts"]["fit"][1] == 196
    with pytest.raises(ValueError, match=r"`--step` \(=51\) was not kept in .*: kept are \[50\]"):
        load_model(half_trained["arithmetic"], step=51)


def test_what_is_asked_is_what_plain_transformers_generates(half_trained):
    folder = half_trained["arithmetic"]
    generator = pipeline("text-generation", model=str(folder), device="cpu")
    written = generator("<5+2=", do_sample=False, max_new_tokens=3, pad_token_id=0, return_full_text=False)
    assert ask(folder, "<5+2=").startswith(written[0]["generated_text"].rstrip("\n"))
    assert "\n" not in ask(folder, "<5+2=")


def test_the_plain_classes_load_a_run_folder(half_trained):
    folder = half_trained["capitals"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("Capital of Peru", return_tensors="pt").input_ids
    with torch.no_grad():
        assert model(input_ids=ids).logits.shape == (1, 15, 51)


@pytest.fixture
def copy(half_trained, tmp_path):
    return shutil.copytree(half_trained["arithmetic"], tmp_path / "model")


def test_a_model_that_says_nothing_of_its_training_gets_exact_match_only(copy):
    known = evaluate_model(copy)
    (copy / "task.json").unlink()
    with pytest.raises(ValueError, match=r"does not say what it was trained on: name a task"):
        evaluate_model(copy)
    marks = evaluate_model(copy, "arithmetic")
    assert marks["counts"] == {"exact_match": known["counts"]["exact_match"]}
    assert marks["recall"] is marks["fit"] is marks["extrapolation"] is None
    assert marks["withheld"] == {}


def test_a_contradicting_task_is_refused(copy):
    assert evaluate_model(copy, "arithmetic")["extrapolation"] is not None
    for task in ("capitals", {"path": "arithmetic", "parameters": {"withheld_pairs": [[1, 2]]}}):
        with pytest.raises(ValueError, match=r"`--task` .* contradicts what .* was trained on"):
            evaluate_model(copy, task)


def test_what_travels_with_a_model_decides_what_it_has_seen(copy):
    identity = json.loads((copy / "task.json").read_text())
    identity["task"]["parameters"] = {"withheld_pairs": [[1, 2]]}
    (copy / "task.json").write_text(json.dumps(identity))
    with pytest.raises(ValueError, match="or its text has changed since"):
        evaluate_model(copy)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "config.json").unlink(),
            r"is no model: it has no config.json. Its run is not finished",
        ),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            "pickled weights are not read, for they can run code",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"junk"), "cannot be loaded as a causal language"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be loaded as a causal language model"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be loaded as a causal language model"),
    ],
)
def test_what_is_no_model_is_refused(copy, spoil, message):
    spoil(copy)
    with pytest.raises(ValueError, match=message):
        load_model(copy)


def test_what_is_no_models_folder_is_refused(half_trained, tmp_path):
    with pytest.raises(ValueError, match=r"It holds runs: name one of them, such as .*arithmetic-n56"):
        load_model(half_trained["arithmetic"].parent)
    with pytest.raises(ValueError, match="is no folder, and no model on the Hub that can be reached"):
        load_model("nobody/no-such-model")
    with pytest.raises(ValueError, match="is no folder, and no model"):
        load_model(tmp_path / "no such folder")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file: name the folder of a model"):
        load_model(tmp_path / "file")


def test_a_prompt_it_cannot_read_is_refused(half_trained):
    with pytest.raises(ValueError, match=r"'\*' in '<5\*7=' is outside the alphabet"):
        ask(half_trained["arithmetic"], "<5*7=")
    with pytest.raises(ValueError, match="the prompt is empty"):
        ask(half_trained["arithmetic"], "")
