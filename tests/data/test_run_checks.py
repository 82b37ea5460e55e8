"""What would fail every run is refused before anything starts: by a dry run, by the plan, and from Python."""

import json

import pytest
from typer.testing import CliRunner

from dataset_builders import load_task
from hf_capacity.cli import app
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data import run_checks
from hf_capacity.data.run_checks import sizes_of_task, tokens_to_score
from hf_capacity.data.tokenizer import MOST_CHARACTERS
from hf_capacity.evaluation.exact_match import TeacherForcing
from hf_capacity.experiment import run_experiment
from hf_capacity.sweep.task_checks import check_tasks


CELL = {"model": {"n_layer": 1, "n_head": 1, "n_embd": 4}, "block_size": 4, "batch_size": 4, "steps": 2}
LINE = {"text": "a b\n", "prompt": "a ", "answer": "b", "end": "\n", "kind": "x", "ability": "fact", "seen": True}
MANY = "".join(map(chr, range(0x10000, 0x10000 + MOST_CHARACTERS)))


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def write_task(folder, train, questions) -> str:
    folder = folder / "task"
    folder.mkdir()
    files = "\n".join(f"  - split: {split}\n    path: {split}.jsonl" for split in ("train", "questions"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}\n---\n")
    for split, rows in {"train": train, "questions": questions}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps({**LINE, **row}) + "\n" for row in rows))
    return str(folder)


@pytest.mark.parametrize(
    ("train", "questions", "settings", "message"),
    [
        ([{}, {"text": "c"}], [{}], {"batches": "lines"}, r"lines that end with a newline, and 1 of 2 of .*windows"),
        ([{}], [{}, {"prompt": "zu "}], {"block_size": 3}, r"its training text does not: \['u', 'z'\]"),
        ([{}, {"text": MANY}], [{}], {}, "has 50,004 different characters, more than 50,000: a token is a character"),
        ([{}], [{"answer": ""}], {"block_size": 3}, r"1 of 1 rows in the split 'questions' .* have an empty 'answer'"),
        ([{}], [{"ability": "Fact"}], {"block_size": 3}, "an `ability` that is neither 'rule' nor 'fact'"),
        (
            [{}, {"text": "b" * 30_000}],
            [{}, {"answer": "b" * 30_000}],
            {"block_size": 20_000},
            "take 200,060,003 tokens to score at `block_size` .*, more than 100,000,000: ask fewer",
        ),
        (
            [{}, {"ability": "rule"}] * 3,
            [{}],
            {"curriculum": "rule_first", "block_size": 6},
            r"`curriculum` \(='rule_first'\) .* of the rule alone this run has nothing",
        ),
        ([{}] * 3, [{}], {"batches": "lines", "lines_per_row": 2}, r"`lines_per_row` \(=2\) x the longest line"),
        ([{}] * 3, [{}], {"batches": "lines", "random_offset": True}, "`random_offset` has no room: every row"),
        ([{}] * 3, [{}], {"asked_after": 4}, r"`asked_after` \(=4\) must not exceed the number of lines of .* \(=3\)"),
        ([{}] * 3, [{}], {"batches": "lines", "asked_after": 1}, "`asked_after` .* needs a `block_size` of 8, not 4"),
        (
            [{}, {"text": "a c\n"}, {"end": ""}],
            [{}],
            {"batches": "lines", "loss_on": "answers"},
            "needs lines that hold their answer with its end mark, and 2 of 3 of .* do not: mend them, or leave",
        ),
        (
            [{"text": "a b."}] * 3,
            [{"end": "."}],
            {"asked_after": "newline"},
            "needs a newline in the training text of",
        ),
    ],
    ids=[
        *("no newline", "characters", "too many characters", "empty answer", "ability", "long answers", "curriculum"),
        *("packing", "no room", "too few lines", "no room for lines", "no answers to be trained on"),
        "newline before a question",
    ],
)  # fmt: skip
def test_what_no_run_can_use_is_refused_before_anything_starts(tmp_path, train, questions, settings, message):
    task = write_task(tmp_path, train, questions)
    run = CELL | settings | {"task": task}
    for attempt in (lambda config: check_tasks([config]), lambda config: run_experiment(config, tmp_path / "runs")):
        with pytest.raises(ValueError, match=message) as refusal:
            attempt(ExperimentConfig.from_dict(run))
        assert "\n" not in str(refusal.value)
    assert not list((tmp_path / "runs").rglob("curve*"))
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps({"settings": run}))
    said = CliRunner().invoke(app, ["run", str(study), "--dry-run", "--output", str(tmp_path / "none")])
    assert (said.exit_code, (tmp_path / "none").exists()) == (2, False)


@pytest.mark.parametrize("before", [0, 1, 7])
@pytest.mark.parametrize("block_size", [1, 2, 5, 9, 40])
def test_the_tokens_to_score_are_those_that_are_scored(block_size, before):
    splits = load_task("capitals")
    questions = splits["questions"].to_dict()
    questions["prompt"] = ["x" * before + prompt for prompt in questions["prompt"]]
    sheet = TeacherForcing(questions, lambda text: [0] * len(text), block_size)
    tokens = sum(rows_RT.numel() for rows_RT in sheet.rows)
    assert tokens_to_score(sizes_of_task("capitals", splits, None), block_size, before) == tokens


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lines_per_row": 2}, r"`lines_per_row` \(=2\) is for whole lines, and `batches` is 'windows': leave it out"),
        ({"cut_in_front": True}, r"`cut_in_front` \(=True\) is for whole lines"),
        ({"random_offset": True}, r"`random_offset` \(=True\) is for whole lines"),
        ({"replacement": True, "batches": "windows"}, r"`replacement` \(=True\) is for whole lines"),
        (
            {"random_offset": True, "batches": "lines", "model": {"model_type": "llama", "n_embd": 8}},
            "`random_offset` shifts the learned positions of a gpt2, and `model.model_type` is 'llama'",
        ),
        ({"loss_on": "answers"}, r"`loss_on` \(=answers\) is for whole lines, and `batches` is 'windows': leave it"),
        ({"loss_on": "prompts", "batches": "lines"}, r"`loss_on` \(='prompts'\): "),
        ({"lines_per_row": 0, "batches": "lines"}, r"`lines_per_row` \(=0\): "),
        ({"cut_in_front": "yes", "batches": "lines"}, r"`cut_in_front` \(='yes'\): "),
    ],
)
def test_what_means_nothing_for_its_batches_or_model_is_refused(settings, message):
    with pytest.raises(ValueError, match=message) as refusal:
        ExperimentConfig.from_dict({**CELL, "task": "arithmetic"} | settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("path", ["random_strings", "mixture"])
def test_a_loss_on_answers_is_refused_where_bits_are_of_whole_lines(path):
    parts = [{"path": "arithmetic"}, {"path": "random_strings"}]
    task = {"path": path, "parameters": {"tasks": parts} if path == "mixture" else {}, "name": None}
    run = {**CELL, "block_size": 10, "batches": "lines", "loss_on": "answers", "task": task}
    with pytest.raises(ValueError, match=f"the memorised bits of {path} are those of whole lines: leave the key out"):
        check_tasks([ExperimentConfig.from_dict(run)])


def test_a_loss_on_answers_takes_several_a_line_at_the_same_places_and_is_refused_at_others(monkeypatch):
    run = {**CELL, "block_size": 30, "batches": "lines", "loss_on": "answers", "task": "associative_recall"}
    check_tasks([ExperimentConfig.from_dict(run)])
    monkeypatch.setattr(run_checks, "common_spans", lambda lines, questions: None)
    with pytest.raises(ValueError, match="at the same places in each, and those of associative_recall have them at"):
        check_tasks([ExperimentConfig.from_dict(run)])


@pytest.mark.parametrize("path", [".", "..", "データ", "~", "/", "a/" * 500, "x" * 400])
def test_every_task_has_a_run_id_that_can_name_a_folder(path):
    run_id = ExperimentConfig.from_dict(CELL | {"task": path}).run_id
    assert run_id[0].isalnum()
    assert len(run_id) < 230
    assert run_id != ExperimentConfig.from_dict(CELL | {"task": path + "/"}).run_id


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"model_type": "llama", "n_embd": 8, "hidden_act": "no-such"}, "cannot be a llama with these keys"),
        ({"model_type": "llama", "n_embd": 8, "head_dim": -8}, "cannot be a llama with these keys"),
        ({"model_type": "llama", "n_embd": 8, "num_key_value_heads": 0}, "cannot be a llama with these keys"),
        ({"model_type": "mixtral", "n_embd": 8, "num_local_experts": 10**9}, "must not exceed 10,000"),
        ({"model_type": "llama", "n_embd": 8, "n_inner": 10**9, "n_layer": 1_000}, "no machine holds it"),
        ({"num_parameters": 10**12, "n_head": 10**9}, "`model.num_parameters` .* cannot be had: `model.n_layer`"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused_before_anything_starts(model, message):
    with pytest.raises(ValueError, match=message) as refusal:
        check_tasks([ExperimentConfig.from_dict({**CELL, "block_size": 9, "task": "arithmetic", "model": model})])
    assert "\n" not in str(refusal.value)
