"""Withheld questions that were read, and seen ones that stand nowhere: against a slow and obviously right search."""

import json
import logging

import numpy as np
import pytest
import yaml

from dataset_builders import TASKS, load_task
from dataset_builders.elsewhere.leaks import standing
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import Study
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.experiment import run_experiment
from hf_capacity.sweep.task_checks import check_tasks


KNOWN = {"Capital of USA is Washington DC \n", "Capital of UK is London \n"}  # as their card says
CELL = {"model": {"n_layer": 1, "n_head": 1, "n_embd": 4}, "block_size": 5, "batch_size": 4, "steps": 2}


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def row(line, seen=True, **columns):
    prompt, equals, answer = line.partition("=")
    given = {"text": f"{line}\n", "prompt": prompt + equals, "answer": answer, "end": "\n"}
    return {**given, "kind": "sum", "ability": "rule", "seen": seen, **columns}


def write_task(folder, lines, questions, name="task") -> str:
    folder = folder / name
    folder.mkdir(parents=True)
    card = {"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}
    card["data_files"].append({"split": "questions", "path": "questions.jsonl"})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': [card]})}---\n")
    for split, rows in {"train": [{**row("0=0"), "text": line} for line in lines], "questions": questions}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return str(folder)


LINES = ["1+1=2\n", "2+2=4\n", "3+3=6\n"]


@pytest.mark.parametrize(
    "line",
    [
        "9+0=9\n", "9+0=9\r\n", "9+0=9 \t\n", "  9+0=9\n", "9+0=9", "9+0=9\u00a0\n", "\ufeff9+0=9\u2028",
        "so 9+0=9.\n", "1+1=2, 9+0=9; 2+2=4\n", "(9+0=9)\n", "法9+0=9国\n",
    ],
)  # fmt: skip
def test_a_withheld_line_that_was_read_is_refused(tmp_path, line):
    questions = [row("1+1=2"), row("9+0=9", seen=False), row("5+5=10", seen=False)]
    path = write_task(tmp_path, [*LINES, line], questions)
    message = r"^1 of 2 withheld questions of '.*' .* training text, such as '9\+0=9\\n': .* `leaks: drop` "
    with pytest.raises(ValueError, match=message):
        load_task(path)
    dropped = load_task(path, leaks="drop")
    assert (dropped["questions"]["prompt"][:], dropped.leaks_dropped) == (["1+1=", "5+5="], 1)


@pytest.mark.parametrize(
    "line", ["19+0=9\n", "9+0=91\n", "9+0=9.5\n", "7+9+0=9\n", "9+0=9+1\n", "9 + 0=9\n", "9+0=\n9\n", "x9+0=9\n"]
)
def test_a_longer_sum_or_word_is_another_line(tmp_path, line):
    assert load_task(write_task(tmp_path, [*LINES, line], [row("1+1=2"), row("9+0=9", seen=False)])).leaks_dropped == 0


def test_lines_are_found_however_they_are_composed_or_spaced_and_across_rows(tmp_path):
    pairs = [
        ("le cafe\u0301=oui\n", "le caf\u00e9=oui"),
        ("is  it=  so\n", "is it= so"),
        ("ask: why\nanswer=because\n", "ask: why\nanswer=because"),
    ]
    for number, (line, asked) in enumerate(pairs):
        path = write_task(tmp_path, [*LINES, line], [row("1+1=2"), row(asked, seen=False, text="")], str(number))
        with pytest.raises(ValueError, match="1 of 1 withheld"):
            load_task(path)
    halves = ["ask: why\n", "answer=because\n"]
    path = write_task(tmp_path, halves, [row("ask: why\nanswer=because", seen=False), row("answer=because")], "rows")
    with pytest.raises(ValueError, match="1 of 1 withheld"):
        load_task(path)
    # Another power, and another letter: the same only for NFKC.
    task = write_task(tmp_path, ["52=25\n"], [row("5\u00b2=25", seen=False), row("52=25")], "power")
    assert load_task(task).leaks_dropped == 0


def test_a_mark_ends_a_line_whatever_follows_it(tmp_path):
    for number, (end, line, dropped) in enumerate(
        [
            (".", "9+0=9.5\n", 1),
            (">", "9+0=9>9\n", 1),
            (" ", "9+0=9 5\n", 1),
            (" ", "9+0=95\n", 0),
            (".", "9+0=9\n", 0),
        ]
    ):
        path = write_task(
            tmp_path, [*LINES, line], [row("1+1=2"), row("9+0=9", seen=False, end=end, text="")], str(number)
        )
        assert load_task(path, leaks="drop").leaks_dropped == dropped, (end, line)


def test_a_line_that_is_asked_otherwise_was_read_all_the_same(tmp_path):
    path = write_task(tmp_path, ["the sum 9+0=9\n"], [row("sum: 9+0=9", seen=False, text="the sum  9+0=9")])
    with pytest.raises(ValueError, match="1 of 1 withheld"):
        load_task(path)
    with pytest.raises(ValueError, match=r"All 1 questions of .* are leaks"):
        load_task(path, leaks="drop")


def test_of_a_question_that_is_seen_and_withheld_the_seen_copy_stays(tmp_path):
    task = load_task(write_task(tmp_path, LINES, [row("1+1=2"), row("1+1=2", seen=False)]), leaks="drop")
    assert (task["questions"]["seen"][:], task.leaks_dropped) == ([True], 1)


def test_seen_questions_that_stand_nowhere_are_refused_if_none_does_and_reported_if_some_do(tmp_path, caplog):
    nowhere = [row("1+1=3"), row("2+2=6")]
    with pytest.raises(
        ValueError, match=r"None of 2 questions of '.*' .* stands in its training text, such as '1\+1=3"
    ):
        load_task(write_task(tmp_path, LINES, nowhere, "none"))
    path = write_task(tmp_path, LINES, [row("1+1=2"), *nowhere], "some")
    assert load_task(path).never_read == ["1+1=3\n", "2+2=6\n"]
    with caplog.at_level(logging.WARNING):
        check_tasks(Study(name="s", settings=CELL | {"task": path}, grid={"model_seed": [1, 2, 3]}).runs())
    [said] = caplog.messages
    assert "2 questions whose `seen` is true stand nowhere in its training text, such as '1+1=3\\n'" in said


def test_many_lines_are_found_as_a_slow_search_finds_them():
    generator = np.random.Generator(np.random.Philox(key=1))
    lines = ["".join(generator.choice(list("ab  1+="), size=generator.integers(1, 9))) + "\n" for _ in range(300)]
    asked = [line.strip() or "x" for line in lines[::3]] + ["a b", "1+1", "ab"]

    def slow(needle):
        text = "\n\n" + "\n".join(" ".join(line.split()) for line in lines) + "\n\n"
        needle = " ".join(needle.split())
        places = [place for place in range(len(text)) if text.startswith(needle, place)]

        def cuts(place):
            before, after = text[place - 2 : place], text[place : place + 2]
            left = before[1].isalnum() or (before[1] in "+=" and before[0].isalnum() and after[0].isalnum())
            right = after[0].isalnum() or (after[0] in "+=" and after[1].isalnum() and before[1].isalnum())
            return left and right

        return any(not cuts(place) and not cuts(place + len(needle)) for place in places)

    found, _ = standing(asked, [""] * len(asked), [""] * len(asked), lines)
    assert found.tolist() == [slow(needle) for needle in asked]
    assert found.sum() > 3


@pytest.mark.parametrize(
    ("task", "config"), [(task, config.name) for task, builder in TASKS.items() for config in builder.BUILDER_CONFIGS]
)
def test_no_packaged_task_would_be_refused(task, config):
    splits = load_task(task, config)
    questions = splits["questions"].to_list()
    asked = [question["prompt"] + question["answer"] + question["end"] for question in questions]
    ends, lines = ([question[column] for question in questions] for column in ("end", "text"))
    stands, is_line = standing(asked, ends, lines, splits["train"]["text"][:])
    seen = np.array([question["seen"] for question in questions])
    assert not (~seen & (stands | is_line)).any()
    assert {asked[place] for place in np.flatnonzero(seen & ~stands)} in (set(), KNOWN)
    with pytest.raises(ValueError, match=r"`leaks` .* is for tasks from elsewhere"):
        load_task(task, config, leaks="drop")


def test_a_run_says_where_its_task_came_from_and_what_was_dropped(tmp_path, monkeypatch):
    questions = [row("1+1=2"), row("2+2=4", seen=False), row("3+1=4", seen=False), row("4+2=6")]
    write_task(tmp_path, [*LINES, "3+1=1\n"], questions, "sums/mine")
    monkeypatch.chdir(tmp_path)
    refused = ExperimentConfig.from_dict(CELL | {"task": "sums/mine"})
    with pytest.raises(ValueError, match="1 of 2 withheld"):
        run_experiment(refused, tmp_path / "refused")
    run = ExperimentConfig.from_dict(CELL | {"task": {"path": "sums/mine", "leaks": "drop"}})
    assert run.run_id != refused.run_id
    record = run_experiment(run, tmp_path / "runs")
    assert record["task_source"] == "folder"
    assert record["task_notes"] == {"leaks_dropped": 1, "never_read": 1}
    assert record["last"]["counts"]["extrapolation"][1] == 1
    folder = tmp_path / "runs" / run.run_id
    (folder / "record.json").unlink()  # it vouches for task.json, which changes below
    assert evaluate_model(folder)["counts"] == record["last"]["counts"]
    # As it was written before: no word of where it came from.
    identity = json.loads((folder / "task.json").read_text())
    assert identity.pop("task_source") == "folder"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"'sums/mine', which is neither one of .* a folder here nor"):
        evaluate_model(folder)
    monkeypatch.chdir(tmp_path)
    (folder / "task.json").write_text(json.dumps(identity))
    assert evaluate_model(folder)["counts"] == record["last"]["counts"]
