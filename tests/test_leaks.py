"""What counts as withheld must not be read, and what counts as seen must be: whatever a task says of itself."""

import pytest
from test_tasks_from_elsewhere import write_folder

from dataset_builders import TASKS, load_task
from dataset_builders.leaks import checked_against_text
from hf_capacity.config import ExperimentConfig, TaskConfig
from hf_capacity.exam import Exam


def line(prompt, answer, *, end="\n", seen=True, text=None):
    text = prompt + answer + end if text is None else text
    return {
        "text": text, "prompt": prompt, "answer": answer, "end": end, "kind": "sum", "ability": "rule", "seen": seen
    }  # fmt: skip


READ = [line("1+1=", "2"), line("1+2=", "3"), line("café ", "noir")]


@pytest.mark.parametrize(
    "leaked",
    [
        line("1+1=", "2", seen=False),
        line("1+1=", "2", end="\r\n", seen=False),
        line("1+1=", "2", end=" \n", seen=False),
        line("cafe\u0301 ", "noir", seen=False),  # the accent as a character of its own
        line("1+", "1", end="=", seen=False),  # at the beginning of a longer line
        line("1+1=", "2\n1+2=3", seen=False),  # two lines in a row
    ],
)
def test_a_withheld_line_that_is_read_is_refused_or_left_out(tmp_path, leaked):
    questions = [*READ[1:2], line("2+1=", "3", seen=False), leaked]
    path = write_folder(tmp_path / "task", train=[line("0+0=", "0\r"), *READ], questions=questions)
    with pytest.raises(ValueError, match=r"1 of the 2 withheld questions of .* stand in its training text, such as"):
        load_task(path)
    task = load_task(path, leaks="drop")
    assert task.notes == {"leaks_dropped": 1}
    assert task["questions"]["prompt"][:] == [row["prompt"] for row in questions[:-1]]


@pytest.mark.parametrize("prompt", ["1+1=2", "+1=", "1+1=2\n"])
def test_a_piece_of_a_line_is_no_leak(tmp_path, prompt):
    path = write_folder(tmp_path / "task", train=READ, questions=[*READ, line(prompt, "2", seen=False)])
    assert load_task(path).notes == {}


def test_seen_questions_that_stand_nowhere_are_counted_and_all_of_them_refused(tmp_path):
    train = [*READ, line("Q: 5+5=", "10", text="Q: 5+5=10 (easy)\n")]
    asked = [READ[0], line("7+7=", "14"), line("Q: 5+5=", "10", end=" ")]
    assert load_task(write_folder(tmp_path / "some", train=train, questions=asked)).notes == {"never_read": 1}
    with pytest.raises(ValueError, match=r"None of the 1 questions of .* that count as seen stands"):
        load_task(write_folder(tmp_path / "none", train=train, questions=asked[1:2]))


def test_dropping_leaks_is_in_the_run_id_and_not_dropping_is_in_none():
    settings = {"model": "n14", "block_size": 9, "batch_size": 8}
    plain, dropping = (
        ExperimentConfig.from_dict({"task": task, **settings}) for task in ("x", {"path": "x", "leaks": "drop"})
    )
    assert "leaks" not in plain.to_dict()["task"]
    assert plain.run_id != dropping.run_id
    with pytest.raises(ValueError, match=r"`leaks` .* is for tasks from elsewhere"):
        Exam(TaskConfig(path="arithmetic", leaks="drop"), 1337)


@pytest.mark.parametrize("name", TASKS)
def test_no_packaged_task_is_refused(name):
    for config in TASKS[name].BUILDER_CONFIGS:
        notes = checked_against_text(load_task(name, config.name), name, None).notes
        # The two capitals whose article the paper's prompts lack.
        lacks = name in ("capitals", "mixture", "both") and config.name != "consistent"
        assert notes == ({"never_read": 2} if lacks else {}), config.name
