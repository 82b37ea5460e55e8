"""Exports, without the harnesses: what is asked, what is refused, and that a verdict is `evaluate`'s."""

import json

import pytest
import yaml

from hf_capacity.evaluation.exact_match import verdicts_on_text
from hf_capacity.harness import export_task
from hf_capacity.harness.lm_eval_scoring import score


def rows_of(folder):
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def own_task(folder, lines):
    """A task whose lines are the prompt, answer and end of each, all of them read."""
    folder.mkdir()
    common = {"kind": "sum", "ability": "rule", "seen": True}
    rows = [{"text": "".join(line), **dict(zip(("prompt", "answer", "end"), line, strict=True))} for line in lines]
    content = "".join(json.dumps(row | common) + "\n" for row in rows)
    files = [{"split": split, "path": f"{split}.jsonl"} for split in ("train", "questions")]
    for file in files:
        (folder / file["path"]).write_text(content, encoding="utf-8")
    card = yaml.safe_dump({"configs": [{"config_name": "default", "data_files": files}]})
    (folder / "README.md").write_text(f"---\n{card}---\n", encoding="utf-8")
    return folder


def test_a_run_is_asked_its_own_questions(call, half_trained, tmp_path):
    run = half_trained["arithmetic"]
    result = call("export", "lm-eval", run, "--output", "asked")
    assert result.exit_code == 0, result.output
    assert "200 questions" in result.output
    assert "--include_path asked --tasks hf_capacity_arithmetic_paper" in result.output
    rows = rows_of(tmp_path / "asked")
    assert rows[12] == {
        "prompt": "<0+6=", "target": "6>", "whole_line": False, "line_end": "\n", "kind": "addition", "rate": "fit",
    }  # fmt: skip
    assert [row["prompt"] for row in rows if row["rate"] == "extrapolation"] == ["<5+7=", "<5-7=", "<7+5=", "<7-5="]
    assert rows == export_task("arithmetic").rows
    text = (tmp_path / "asked" / "hf_capacity_arithmetic_paper.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text.replace("!function ", ""))
    assert content["generation_kwargs"] == {"until": ["\n"], "do_sample": False, "max_gen_toks": 3}
    assert call("export", "inspect", "{path: arithmetic, name: random}", "--output", "other").exit_code == 0
    assert "def hf_capacity_arithmetic_random() -> Task" in (tmp_path / "other" / "task.py").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("nothing", "Could not load the task 'nothing'"),
        ("[1]", "`TASK` (=[1]) is no task: a name is expected"),
        ("poems", "cannot be put by a harness: its lines do not all end with one character"),
        ("two_ends", "goes on after the end of a line, where a harness stops"),
    ],
)
def test_what_a_harness_cannot_put_is_refused_in_a_line(task, words, call, tmp_path):
    own_task(tmp_path / "poems", [("a:", "b\nc", "\n"), ("d:", "e\nf", "\n")])
    own_task(tmp_path / "two_ends", [("a:", "b", "\n;\n"), ("d:", "e", "\n;\n")])
    result = call("export", "inspect", task, "--output", "asked")
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    assert result.output.startswith("Error: ")
    assert words in result.output
    assert not (tmp_path / "asked").exists()


def test_a_run_whose_window_would_have_to_slide_is_refused(call, half_trained, tmp_path):
    result = call("export", "lm-eval", half_trained["capitals"], "--output", "asked")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "has 24 positions, and its questions take up to " in result.output
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "asked").mkdir()
    assert "is there already" in call("export", "lm-eval", "arithmetic", "--output", "asked").output


@pytest.mark.parametrize("task", ["arithmetic", "copy"])
def test_a_verdict_is_that_of_evaluate(task):
    """Of the right answer with and without its end mark, and with something behind it."""
    rows = export_task(task).rows[:40]
    answers = [row["target"].removesuffix(">") for row in rows]
    end = "\n" if rows[0]["whole_line"] else ">"
    questions = {"prompt": [row["prompt"] for row in rows], "answer": answers, "end": [end] * len(rows)}
    verdicts = set()
    for more in ("", "0", ">", ">>", "\n0"):
        texts = [answer + more + "\n" for answer in answers]
        expected = verdicts_on_text(questions, lambda prompts, enough, texts=texts: texts).correct_Q.tolist()
        lines = [text.partition("\n")[0] for text in texts]  # all that harnesses show
        assert [score(row, [line])["exact_match"] == 1 for row, line in zip(rows, lines, strict=True)] == expected
        verdicts |= set(expected)
    assert verdicts == {True, False}
