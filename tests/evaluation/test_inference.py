import json
import shutil

import pytest
import torch
from support.foreign_models import trained
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
from typer.testing import CliRunner

from hf_capacity import ask, evaluate_model
from hf_capacity.cli import app
from hf_capacity.evaluation import trained_model
from hf_capacity.evaluation.trained_model import load_model
from hf_capacity.runs.records import read_curve, read_record


@pytest.mark.parametrize("task", ["arithmetic", "capitals", "both"])
def test_a_saved_model_is_marked_as_its_record_says(half_trained, task):
    marks = evaluate_model(half_trained[task])
    last = read_record(half_trained[task])["last"]
    assert {key: marks[key] for key in ("counts", "kinds", "floors", "published_scoring")} == {
        key: last[key] for key in ("counts", "kinds", "floors", "published_scoring")
    }
    assert marks["task"]["path"] == task
    told = read_record(half_trained[task])["answers"]
    assert told == marks["answers"]
    assert {row["prompt"]: row["written"].startswith(row["answer"]) for row in told if not row["seen"]} == (
        marks["withheld"]
    )
    assert len([row for row in told if row["seen"]]) == 3 * len(marks["kinds"])
    written = {row["prompt"]: row["written"] for row in told}
    for prompt, right in marks["withheld"].items():
        first, second = prompt[1], prompt[3]
        result = int(first) + int(second) if "+" in prompt else int(first) - int(second)
        assert written[prompt].startswith(f"{result}>") == right


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
    """A model that may be changed: the record that vouches for its files does not travel with it."""
    return shutil.copytree(half_trained["arithmetic"], tmp_path / "model", ignore=lambda *_: ["record.json"])


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
    identity = json.loads((copy / "task.json").read_text(encoding="utf-8"))
    identity["task"]["parameters"] = {"withheld_pairs": [[1, 2]]}
    (copy / "task.json").write_text(json.dumps(identity), encoding="utf-8")
    with pytest.raises(ValueError, match="or its text has changed since"):
        evaluate_model(copy)


def a_token_too_many(folder):
    """The last character of the alphabet is none that the model has an embedding for."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary[max(vocabulary, key=vocabulary.get)] = 999
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


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
        (a_token_too_many, r"the tokenizer uses token 999 of a model that knows \d+: give the model its own"),
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
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="is a file: name the folder of a model"):
        load_model(tmp_path / "file")


def test_a_prompt_it_cannot_read_is_refused(half_trained):
    with pytest.raises(ValueError, match=r"'\*' in '<5\*7=' is outside the alphabet"):
        ask(half_trained["arithmetic"], "<5*7=")
    with pytest.raises(ValueError, match="the prompt is empty"):
        ask(half_trained["arithmetic"], "")


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "its task.json names no `task` and `split_seed`"),
        ("[]", "its task.json names no `task` and `split_seed`"),
        ('{"task": {"path": "arithmetic"}}', "its task.json names no `task` and `split_seed`"),
        ('{"task": {"path": "arithmetic"}, "split_seed": [1]}', "its task.json names no `task` and `split_seed`"),
        ('{"task": {"path": "arithmetic"}, "split_seed": 1e999}', "its task.json names no `task` and `split_seed`"),
        ('{"task": {"path": "arithmetic"}, "split_seed": 1, "start": 5}', "its task.json names no `task` and `spl"),
        ("[" * 100_000, "its task.json names no `task` and `split_seed`"),
        ('{"task": {"paths": "arithmetic"}, "split_seed": 1}', r"`task` in the task.json of .* is no task: a name is"),
        ('{"task": "arithmetic", "split_seed": 1}', r"`task` in the task.json of .* \(='arithmetic'\) is no task"),
        ('{"task": {"path": "arithmetic"}, "split_seed": 1337}', "or its text has changed since"),
        (
            '{"task": {"path": "/home/somebody/task"}, "split_seed": 1}',
            "was trained on '/home/somebody/task', which is",
        ),
        ('{"task": {"path": "../task"}, "split_seed": 1}', r"was trained on '../task', which is neither one of arith"),
    ],
)
def test_what_travels_with_a_model_is_read_with_care(copy, text, message):
    (copy / "task.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        evaluate_model(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["mine", "data/mine", "../mine", "csv"])
def test_a_model_from_the_hub_names_no_task_of_this_machine(copy, tmp_path, monkeypatch, path):
    (tmp_path / "here" / "data" / "mine").mkdir(parents=True)
    (tmp_path / "here" / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(trained_model, "model_folder", lambda source, step, revision: copy)
    change(copy / "task.json", task={"path": path})
    with pytest.raises(
        ValueError, match=f"ada/model was trained on '{path}', which is neither one of arithmetic, .* nor"
    ):
        evaluate_model("ada/model")


@pytest.mark.parametrize("task", [5, ["arithmetic"], {"pathh": "arithmetic"}, {"path": 1}, {5: 1}])
def test_a_task_that_is_none_is_refused(copy, task):
    (copy / "task.json").unlink()
    with pytest.raises(ValueError, match=r"`--task` \(=.*\) is no task: a name is expected, such as arithmetic"):
        evaluate_model(copy, task)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """The folder of a model of another architecture, whose tokens are of several characters."""
    folder = tmp_path_factory.mktemp("foreign")
    model, tokenizer, _ = trained("llama")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def foreign_copy(foreign, tmp_path):
    return shutil.copytree(foreign, tmp_path / "foreign")


def test_a_model_of_any_tokens_is_scored_and_asked(foreign, tmp_path):
    marks = evaluate_model(foreign, "both")
    right, questions = marks["counts"]["exact_match"]
    assert questions == 250
    assert 50 < right < 250
    assert marks["published_scoring"]["capital"][0] > 30
    assert marks["recall"] is None
    assert ask(foreign, "Capital of Austria is ") == "Vienna "
    sharded = shutil.copytree(foreign, tmp_path / "sharded", ignore=shutil.ignore_patterns("model.safetensors"))
    AutoModelForCausalLM.from_pretrained(foreign).save_pretrained(sharded, max_shard_size="20KB")
    assert not (sharded / "model.safetensors").exists()
    assert evaluate_model(sharded, "both", batch_size=100) == marks


def test_scores_are_taken_in_full_precision(foreign, tmp_path):
    AutoModelForCausalLM.from_pretrained(foreign, dtype="bfloat16").save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(foreign).save_pretrained(tmp_path)
    assert AutoModelForCausalLM.from_pretrained(tmp_path).dtype == torch.bfloat16
    assert load_model(tmp_path).model.dtype == torch.float32


def test_only_greedy_decoding_counts(foreign, foreign_copy):
    settings = {"do_sample": True, "temperature": 2.0, "num_beams": 2, "repetition_penalty": 9.0, "min_new_tokens": 9}
    change(foreign_copy / "generation_config.json", **settings)
    assert evaluate_model(foreign_copy, "capitals") == evaluate_model(foreign, "capitals")


def test_a_model_that_travels_with_its_task_tells_what_it_writes_for_the_withheld(foreign_copy, half_trained):
    shutil.copy(half_trained["both"] / "task.json", foreign_copy)
    marks = evaluate_model(foreign_copy)
    assert marks["recall"] > 0.6
    written = {row["prompt"]: row["written"] for row in marks["answers"]}
    assert set(marks["withheld"]) <= set(written)
    assert written["<5+7="] == ask(foreign_copy, "<5+7=")


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        (
            "config.json",
            {"num_hidden_layers": 2},
            r"model.layers.1.*: missing, so that it would write at random",
        ),
        (
            "config.json",
            {"model_type": "t5"},
            "cannot be loaded as a causal language model: Unrecognized configuration",
        ),
        (
            "config.json",
            {"num_attention_heads": "two"},
            "cannot be loaded as a causal language model: Validation error",
        ),
        ("config.json", {"auto_map": {"AutoConfig": "modeling.Config"}}, "wants to run code of its own"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused_in_a_line(foreign_copy, file, values, message):
    change(foreign_copy / file, **values)
    with pytest.raises(ValueError, match=message) as caught:
        load_model(foreign_copy)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "{"], "Error: `--task` is not valid YAML"),
        (["--revision", "seed-2"], "Error: `--revision` (=seed-2) is for models on the Hub"),
        (["--revision", "seed-2", "--step", "50"], "both name a state of the model: give one."),
    ],
)
def test_a_mistake_at_the_terminal_is_one_line(foreign, words, message):
    result = CliRunner().invoke(app, ["evaluate", str(foreign), *words])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
