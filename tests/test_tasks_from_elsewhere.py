"""Tasks that are not ours: any folder or Hub dataset with the same splits and columns; what does not fit is named."""

import json
import re

import pandas as pd
import pytest

from dataset_builders import FEATURES, load_task


ROW = {"text": "a b\n", "prompt": "a ", "answer": "b", "end": "\n", "kind": "x", "ability": "fact", "seen": True}


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def refuses(message, *arguments, **parameters):
    with pytest.raises(ValueError, match=message):
        load_task(*arguments, **parameters)


def write_folder(folder, train=(ROW,), questions=({**ROW, "seen": False},), file_format="jsonl") -> str:
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
        "questions": [{**ROW, "seen": False}],
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
            "The column 'end' in the split 'questions' of PATH has rows without a value",
        ),
        (
            {"train": changed(answer=8), "questions": changed(answer=8)},
            "The column 'answer' in the split 'train' of PATH holds Value('int64'), not Value('string'). A task has",
        ),
        (
            {"train": changed(seen="yes"), "questions": changed(seen="no")},
            "The column 'seen' in the split 'train' of PATH holds Value('string'), not Value('bool'). A task has",
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
