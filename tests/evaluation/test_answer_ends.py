"""Where a model is done that was trained on answers alone: it has learned nothing after their end marks."""

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from hf_capacity.config.experiment import ExperimentConfig, TaskConfig
from hf_capacity.config.model import LADDER
from hf_capacity.data.task import Task
from hf_capacity.demo.answers import write_with_confidence
from hf_capacity.evaluation.trained_model import load_model
from hf_capacity.experiment import run_experiment
from hf_capacity.models.build import build_model
from hf_capacity.models.generation import continuations_and_cuts, end_tokens, generation_settings


@pytest.mark.parametrize(
    ("task", "ends"),
    [
        ("arithmetic", {">"}),
        ("both", {">", "\n"}),
        ("capitals", {"\n"}),
        ("associative_recall", {" "}),
    ],
)
def test_the_characters_that_end_the_answers_of_a_task(task, ends):
    assert Task.load(TaskConfig(path=task), 1).answer_ends == ends


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder and the record of a model that has learned sums from their answers alone."""
    config = ExperimentConfig.from_dict(
        {"task": "arithmetic", "model": "n28", "block_size": 9, "batch_size": 64, "steps": 400, "batches": "lines"}
        | {"loss_on": "answers", "learning_rate": 1e-2}
    )
    folder = tmp_path_factory.mktemp("answers")
    return folder / config.run_id, run_experiment(config, folder)


def test_nothing_is_written_after_an_end_mark(trained):
    folder, record = trained
    written = [answer["written"] for answer in record["answers"]]
    assert any(answer["right"] for answer in record["answers"])
    assert all(text.endswith(">") and text.count(">") == 1 for text in written), written

    prompts = [answer["prompt"] for answer in record["answers"]]
    model = load_model(folder)
    assert model.lines(prompts) == written
    assert ["".join(each.text for each in write_with_confidence(model, prompt, "")) for prompt in prompts] == written
    texts, cut = continuations_and_cuts(
        model.model, model.tokenizer, [model.start + prompt for prompt in prompts], [64] * len(prompts)
    )
    assert (texts, any(cut)) == (written, False)


def test_plain_transformers_stops_there_too(trained):
    folder, record = trained
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for answer in record["answers"][:4]:
        line = load_model(folder).start + answer["prompt"]
        [ids] = model.generate(**tokenizer(line, return_tensors="pt"))
        assert tokenizer.decode(ids) == line + answer["written"]


def test_the_end_marks_are_named_beside_the_end_of_the_line(trained):
    tokenizer = AutoTokenizer.from_pretrained(trained[0])
    newline, mark = tokenizer.convert_tokens_to_ids(["\n", ">"])
    model = build_model(LADDER["n14"], len(tokenizer), 9, 1)
    for answer_ends, ids in (((), newline), ({"\n"}, newline), ({">", "\n"}, [newline, mark])):
        model.generation_config = generation_settings(tokenizer, answer_ends)
        assert model.generation_config.eos_token_id == ids
        assert end_tokens(model, tokenizer) == ({newline, mark} if ids == [newline, mark] else {newline})
