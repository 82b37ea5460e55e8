"""What stands before a question: apart from what was read, and the same wherever the model is asked."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dataset_builders import load_task
from hf_capacity import ask, evaluate_model
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.task import Task
from hf_capacity.demo.answers import write_with_confidence
from hf_capacity.demo.study import find_questions
from hf_capacity.evaluation.exact_match import CUT
from hf_capacity.evaluation.trained_model import load_model
from hf_capacity.experiment import run_experiment
from hf_capacity.hub.card_parts import example
from hf_capacity.runs.records import read_record


CELL = {"task": "arithmetic", "model": "n14", "block_size": 28, "batch_size": 98, "steps": 60, "eval_steps": 30}


def config(**changes):
    return ExperimentConfig.from_dict(CELL | changes)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of runs of whole lines, which differ in what stands before a question: each one's folder."""
    output = tmp_path_factory.mktemp("asked")
    runs = {after: config(batches="lines", asked_after=after) for after in (None, "nothing", 2)}
    for run in runs.values():
        run_experiment(run, output)
    return {after: output / run.run_id for after, run in runs.items()}


@pytest.mark.parametrize(
    ("batches", "asked_after", "start", "lines_before"),
    [
        ("windows", None, "", 0),
        ("windows", "newline", "\n", 0),
        ("windows", 2, "", 2),
        ("lines", None, "\n", 0),
        ("lines", "nothing", "", 0),
        ("lines", 2, "\n", 2),
    ],
)
def test_a_model_is_given_what_its_rows_begin_with_unless_something_else_is_set(
    batches, asked_after, start, lines_before
):
    run = config(batches=batches, asked_after=asked_after)
    assert (run.start, run.lines_before) == (start, lines_before)
    assert ExperimentConfig.from_dict(run.to_dict()) == run


def test_what_is_so_by_itself_may_be_said_and_is_the_same_run():
    assert config(asked_after="nothing").run_id == config().run_id
    assert config(batches="lines", asked_after="newline").run_id == config(batches="lines").run_id
    assert len({config(batches="lines", asked_after=after).run_id for after in (None, "nothing", 1, 2)}) == 4


def test_it_changes_what_is_asked_and_nothing_that_is_read(folders):
    weights = {(folder / "model.safetensors").read_bytes() for folder in folders.values()}
    losses = {read_record(folder)["last"]["loss"] for folder in folders.values()}
    assert len(weights) == len(losses) == 1
    starts = {after: json.loads((folder / "task.json").read_text()).get("start") for after, folder in folders.items()}
    assert (starts[None], starts["nothing"]) == ("\n", None)
    lines = starts[2].removeprefix("\n").splitlines(keepends=True)
    assert len(lines) == 2
    assert set(lines) <= set(load_task("arithmetic")["train"]["text"])
    assert starts[2] == read_record(folders[2])["start"]
    assert "start" not in read_record(folders[None])


@pytest.mark.parametrize("after", [None, "nothing", 2])
def test_evaluate_ask_demo_and_card_put_it_before_a_question(folders, after):
    folder = folders[after]
    record = read_record(folder)
    assert evaluate_model(folder)["counts"] == record["last"]["counts"]
    start = json.loads((folder / "task.json").read_text()).get("start", "")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    trained, right = load_model(folder), []
    for row in record["answers"]:
        ids = tokenizer(start + row["prompt"], return_tensors="pt").input_ids
        written = model.generate(ids, max_new_tokens=3, do_sample=False)[0, ids.shape[1] :]
        assert row["written"].startswith(tokenizer.decode(written).partition("\n")[0].rstrip()[:2])
        assert ask(folder, row["prompt"]).rstrip() == row["written"]
        shown = "".join(character.text for character in write_with_confidence(trained, row["prompt"], ""))
        assert shown.startswith(row["written"].removesuffix(CUT))
        right.append(row["written"] == row["answer"])
    assert right == [row["right"] for row in record["answers"]]
    assert find_questions(record | {"folder": folder}, "<5+7=")[0]["answer"] == "12"
    card = example(record)
    assert json.loads(card["prompt"]) == start + json.loads(card["asked"])
    assert card["start"] == {None: "a newline", "nothing": "nothing", 2: "lines of its training text"}[after]


def test_the_verdicts_are_those_of_a_model_that_reads_it_all(folders):
    """Teacher forcing of one row by plain transformers, for a few questions."""
    folder = folders[2]
    task = Task.load(config().task, 1337, start="\n", lines_before=2)
    trained = load_model(folder)
    for place in (0, 57, 140):
        asked = {column: values[place] for column, values in task.questions.items()}
        ids = trained.tokenizer(task.start + asked["prompt"] + asked["answer"] + asked["end"], return_tensors="pt")
        with torch.no_grad():
            found = trained.model(ids.input_ids).logits[0].argmax(-1)
        number = len(asked["answer"] + asked["end"])
        is_right = bool((found[-number - 1 : -1] == ids.input_ids[0, -number:]).all())
        write = trained.lines([asked["prompt"]], [asked["answer"] + asked["end"]])[0]
        assert (write.rstrip() == (asked["answer"] + asked["end"]).rstrip()) == is_right


def test_each_split_seed_has_lines_of_its_own_and_the_same_ones_again():
    starts = [Task.load(config().task, seed, start="", lines_before=3).start for seed in (1, 1, 2)]
    assert starts[0] == starts[1] != starts[2]
    assert Task.load(config().task, 1).start == ""


def test_a_model_of_windows_can_be_asked_after_lines_which_its_block_crops(tmp_path):
    run = config(block_size=9, asked_after=2, steps=20, eval_steps=10)
    record = run_experiment(run, tmp_path)
    assert evaluate_model(tmp_path / run.run_id)["counts"] == record["last"]["counts"]
    card, answer = example(record), record["answers"][0]["answer"]
    whole = record["start"] + json.loads(card["asked"]) + answer
    assert json.loads(card["prompt"]) + answer == whole[-9:]


@pytest.mark.parametrize("value", ["line", "", 0, -1, 1.5, True, [1], "2 lines", 10**12])
def test_anything_else_is_refused_in_a_line(value):
    with pytest.raises(ValueError, match=r"`asked_after` .* must be nothing, newline, or a number of training lines"):
        config(asked_after=value)
