"""Tasks that are not ours: any folder or Hub dataset with the same splits and columns; what does not fit is named."""

import json
import re

import pandas as pd
import pytest

from dataset_builders import FEATURES, load_task, task_source


ROW = {"text": "a b\n", "prompt": "a ", "answer": "b", "end": "\n", "kind": "x", "ability": "fact", "seen": True}


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def refuses(message, *arguments, **parameters):
    with pytest.raises(ValueError, match=message):
        load_task(*arguments, **parameters)


WITHHELD = {**ROW, "prompt": "b ", "answer": "a", "seen": False}


def write_folder(folder, train=(ROW,), questions=(WITHHELD,), file_format="jsonl") -> str:
    """A folder as the Hub holds them; a split that is None is left out."""
    folder.mkdir()
    card = "---\nconfigs:\n- config_name: paper\n  data_files:\n"
    for split, rows in {"train": train, "questions": questions}.items():
        if rows is not None:
            path = folder / f"{split}.{file_format}"
            frame = pd.DataFrame(list(rows))
            frame.to_parquet(path) if file_format == "parquet" else frame.to_json(path, orient="records", lines=True)
            card += f"  - split: {split}\n    path: {path.name}\n"
    (folder / "README.md").write_text(card + "---\n", encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_folder_with_the_same_columns_is_a_task(tmp_path, file_format):
    rows = [dict(reversed({**ROW, "source": 1}.items()))]
    splits = load_task(write_folder(tmp_path / "elsewhere", train=rows, file_format=file_format), "paper")
    assert {split: splits[split].to_list() for split in splits} == {
        "train": [ROW],
        "questions": [WITHHELD],
    }
    assert splits["train"].features == splits["questions"].features == FEATURES


def test_changed_data_in_a_folder_is_seen(tmp_path, cache):
    path = write_folder(tmp_path / "elsewhere")
    for answer in ["b", "c"]:
        (tmp_path / "elsewhere" / "train.jsonl").write_text(
            json.dumps({**ROW, "answer": answer}) + "\n", encoding="utf-8"
        )
        assert load_task(path)["train"]["answer"][:] == [answer]
    assert not cache.exists()


def changed(**values):
    row = {**ROW, **values}
    return [{name: value for name, value in row.items() if value is not None}]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"questions": None}, "PATH has no split 'questions', only 'train'. A task has the splits 'train' and 'ques"),
        (
            {"train": None},
            "PATH has no split 'train', only 'questions'. A task has the splits 'train' and 'questions'",
        ),
        (
            {"train": changed(end=None), "questions": changed(end=None)},
            "There is no column 'end' in the split 'train' of PATH, only 'text', 'prompt', 'answer', 'kind', ",
        ),
        (
            {"questions": changed(end=None)},
            "The column 'end' in the split 'questions' of PATH has 1 rows without a value",
        ),
        (
            {"train": changed(answer=0.5), "questions": changed(answer=0.5)},
            "The column 'answer' in the split 'train' of PATH holds double, not strings: write its values as text. A ",
        ),
        ({"questions": changed(answer="")}, "The column 'answer' in the split 'questions' of PATH is empty in 1 rows"),
        ({"train": changed(ability="Rule")}, "of PATH must hold 'rule' or 'fact', and holds 'Rule'"),
        ({"questions": [ROW, ROW]}, "1 questions of PATH are asked more than once, such as 'a '"),
        (
            {"train": changed(seen="yes"), "questions": changed(seen="no")},
            "The column 'seen' in the split 'train' of PATH holds string, not true or false. A task has",
        ),
    ],
)
def test_a_folder_that_is_no_task_is_refused(tmp_path, splits, message):
    path = write_folder(tmp_path / "elsewhere", **splits)
    refuses(re.escape(message.replace("PATH", repr(path))), path)


@pytest.mark.parametrize("path", ["arithmetics", "someone/something", "/no/such/folder", "empty", "broken"])
def test_what_cannot_be_loaded_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "broken")
    (tmp_path / "broken" / "train.jsonl").write_text("{", encoding="utf-8")
    listed = "'arithmetic', 'capitals', 'facts', 'random_strings', 'mixture', 'both'"
    refuses(
        rf"Could not load the task '{path}': .*\. Give one of {listed}, a local folder or a dataset on the Hub", path
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"withheld_pairs": [[5, 7]], "split_seed": 2}, "'withheld_pairs', 'split_seed'"),
        ({"split_seed": 2}, "'split_seed'"),
    ],
)
def test_a_task_from_elsewhere_takes_no_parameters(tmp_path, given, named):
    path = write_folder(tmp_path / "elsewhere")
    refuses(
        f"{path!r} is loaded as it is: leave out {named}, or load one of 'arithmetic', 'capitals', ", path, **given
    )
    refuses(r"'papr' not found. Available: \['paper'\]", path, "papr")


CARD = "---\nconfigs:\n- config_name: default\n  data_files:\n"


def write_files(folder, ending, train, questions) -> str:
    """A folder whose two files hold these bytes."""
    folder.mkdir()
    (folder / f"train.{ending}").write_bytes(train)
    (folder / f"questions.{ending}").write_bytes(questions)
    splits = "".join(f"  - {{split: {split}, path: {split}.{ending}}}\n" for split in ("train", "questions"))
    (folder / "README.md").write_text(f"{CARD}{splits}---\n", encoding="utf-8")
    return str(folder)


def jsonl(**values) -> bytes:
    return (json.dumps(ROW | values) + "\n").encode()


HEADER = b"text,prompt,answer,end,kind,ability,seen\n"


@pytest.mark.parametrize(
    ("ending", "train", "cause"),
    [
        ("jsonl", jsonl() + jsonl()[:40], "JSON parse error"),
        ("jsonl", b"", "it has no rows"),
        ("jsonl", b"hello\n", "JSON parse error"),
        ("csv", b"", "No columns to parse from file"),
        ("parquet", b"PAR1", "Parquet file size is 4 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_cause(tmp_path, ending, train, cause):
    path = write_files(tmp_path / "task", ending, train, train)
    refuses(rf"Could not load the task .*: questions\.{ending}: {cause}", path)


def test_bytes_that_are_no_utf_8_are_refused(tmp_path):
    latin = jsonl(text="a e\n", answer="e").replace(b'"e"', '"é"'.encode("latin-1"))
    refuses(
        "The column 'answer' .* has bytes that are no UTF-8", write_files(tmp_path / "task", "jsonl", latin, latin)
    )


def test_numbers_are_the_text_that_they_are_written_as(tmp_path):
    ints = changed(text="a 8\n", answer=8, seen=1)
    task = load_task(write_folder(tmp_path / "int", ints, ints))
    assert task["questions"].to_list() == changed(text="a 8\n", answer="8")
    rows = b'"x 007\n",x ,007,"\n",k,rule,TRUE\n"y NA\n",y ,NA,"\n",k,fact,1\n'
    task = load_task(write_files(tmp_path / "csv", "csv", HEADER + rows, HEADER + rows))
    assert task["questions"]["answer"][:] == ["007", "NA"]
    assert task["questions"]["seen"][:] == [True, True]


@pytest.mark.parametrize("spell", ["{}", "./{}", "{}/", "./{}/../{}"])
def test_a_folder_is_found_however_its_path_is_spelled(tmp_path, monkeypatch, spell):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "データ 1")
    assert load_task(spell.format(*["データ 1"] * 2))["questions"].num_rows == 1
    monkeypatch.chdir(tmp_path / "データ 1")
    assert load_task(".")["questions"].num_rows == 1
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_task("~/データ 1")["questions"].num_rows == 1
    assert (task_source("."), task_source("arithmetic"), task_source("a/b")) == ("folder", "packaged", "hub")
    refuses("is a file: name the folder", "README.md")
