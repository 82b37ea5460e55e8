"""What a model wrote, beside its verdict: a line a question, none cut without a word."""

import json

import pytest
import torch

from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task
from hf_capacity.demo.answers import Answer, Character
from hf_capacity.evaluation.exact_match import CUT, Verdicts, line_of, lines_within
from hf_capacity.evaluation.exam import Exam


def exam_of(folder, asked):
    """An exam on withheld questions, each a prompt, an answer and an end; one other line has been read."""
    folder.mkdir(exist_ok=True)
    rest = {"kind": "x", "ability": "rule"}
    read = {"text": "0: 0\n", "prompt": "0: ", "answer": "0", "end": "\n", "seen": True, **rest}
    rows = [
        {"text": prompt + answer + end, "prompt": prompt, "answer": answer, "end": end, "seen": False, **rest}
        for prompt, answer, end in asked
    ]
    for split, lines in (("train", [read]), ("questions", [*rows, read])):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: train.jsonl}\n  - {split: questions, path: questions.jsonl}\n---\n"
    )
    return Exam(Task.load(TaskConfig(path=str(folder)), 1337))


def verdicts(*right):
    return Verdicts(torch.tensor(right), torch.tensor(right))


@pytest.mark.parametrize(
    "asked",
    [
        [("b ", "Chad", "\n"), ("b ", "Libya", "\n"), ("b ", "Egypt", "\n")],  # one prompt, several answers
        [("b ", "Chad", "\n"), ("b ", "Chad", ";"), ("c ", "Chad", "\n")],  # that differ in their ends alone
        [("x", "yz", ";"), ("x", "q", ";"), ("xyz", "q", ";")],  # one text, parted elsewhere
    ],
)
def test_each_question_has_a_line_and_a_verdict_of_its_own(tmp_path, asked):
    exam = exam_of(tmp_path / "task", asked)
    right = verdicts(False, True, False, True)
    marks = exam.mark(right)
    assert marks["counts"]["extrapolation"] == [1, 3]
    assert list(marks["withheld"].values()) == [False, True, False]
    rows = exam.answers(right, lambda prompts, targets: targets)
    assert [(row["prompt"], row["right"]) for row in rows if not row["seen"]] == [
        (prompt, place == 1) for place, (prompt, _, _) in enumerate(asked)
    ]


def test_where_each_prompt_is_asked_once_it_is_the_name_of_its_question(tmp_path):
    exam = exam_of(tmp_path / "task", [("a ", "1", "\n"), ("b ", "1", "\n")])
    assert exam.mark(verdicts(True, False, True))["withheld"] == {"a ": True, "b ": False}


@pytest.mark.parametrize("answer", ["ab ", "  ", "ab\ncd", "ab\n\ncd ", "a\n", "long " * 40 + "end"])
@pytest.mark.parametrize("end", ["\n", " \n", ";", "\n\n"])
def test_a_right_answer_is_shown_whole(tmp_path, answer, end):
    exam = exam_of(tmp_path / "task", [("q: ", answer, end)])
    goes_on = "z" if not end.endswith("\n") else ""

    def write(prompts, targets):
        return [line_of(target + goes_on, target, cut=bool(goes_on)) for target in targets]

    [row] = [row for row in exam.answers(verdicts(True, True), write) if not row["seen"]]
    assert row["answer"] == answer + end.rstrip()
    assert row["written"] == row["answer"] + (f"z{CUT}" if goes_on else "")


@pytest.mark.parametrize(
    ("text", "target", "cut", "shown"),
    [
        ("12>", "12>", True, "12>…"),
        ("12> 3", "12>", True, "12> 3…"),
        ("12> \n<1", "12>", True, "12> "),
        ("13\n14", "12\n", True, "13"),
        ("ab\nce\nfg", "ab\ncd\n", True, "ab\nce"),  # as many lines as the answer has
        ("ab", "ab\ncd\n", False, "ab"),  # it ended its text
        ("abab", "x\n", True, "abab…"),
        ("", "x\n", False, ""),
        ("a\nb", "", True, "a"),
    ],
)
def test_what_is_cut_says_so(text, target, cut, shown):
    assert line_of(text, target, cut=cut) == shown


def test_an_answers_last_line_begins_behind_its_last_newline_but_that_of_its_end():
    assert [lines_within(target) for target in ("ab\n", "ab\ncd\n", "ab\ncd", ";")] == [0, 3, 3, 0]


def test_the_page_takes_any_of_several_right_answers():
    asked = [{"prompt": "b ", "answer": answer, "end": "\n", "seen": True} for answer in ("Chad", "Libya")]

    def answer(text, questions=asked):
        characters = [Character(letter, 1.0) for letter in text]
        return Answer(model="n14", num_parameters=1, prompt="b ", written=characters, questions=questions)

    assert answer("Libya\n").is_right
    assert answer("Libya\n").question["answer"] == "Libya"
    assert not answer("Mali\n").is_right
    assert answer("Mali\n").question["answer"] == "Chad"
    assert not answer("Chad\n", []).is_right
    assert answer("Chad\n", []).question is None


def test_what_stands_in_an_answer_ends_none(tmp_path):
    exam = exam_of(tmp_path, [("pi=", "3.1", "."), ("e=", "2", "; ;")])
    assert exam.task.answer_ends == {";", "\n"}
