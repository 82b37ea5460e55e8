"""Tasks that are not ours: any folder or Hub dataset with the same splits and columns; what does not fit is named."""

import gzip
import json
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from packaging.version import Version

from dataset_builders import FEATURES, TASKS, load_task, task_source


ROW = {"text": "a b\n", "prompt": "a ", "answer": "b", "end": "\n", "kind": "x", "ability": "fact", "seen": True}
HEAD = "text,prompt,answer,end,kind,ability,seen\n"
LISTED = ", ".join(map(repr, TASKS))


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def refuses(message, *arguments, **parameters):
    with pytest.raises(ValueError, match=message) as refusal:
        load_task(*arguments, **parameters)
    assert "\n" not in str(refusal.value)
    assert "An error occurred while generating" not in str(refusal.value)


def write_files(folder, **files) -> str:
    """A folder as the Hub holds them: of each split the ending of its file and what is in it."""
    folder.mkdir(parents=True)
    card = "---\nconfigs:\n- config_name: paper\n  data_files:\n"
    for split, (ending, content) in files.items():
        path = folder / f"{split}.{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        card += f"  - split: {split}\n    path: {path.name}\n"
    (folder / "README.md").write_text(card + "---\n", encoding="utf-8")
    return str(folder)


def write_folder(folder, train=(ROW,), questions=(ROW,)) -> str:
    """Splits as lines of JSON; one that is None is left out."""
    splits = {"train": train, "questions": questions}
    rows = {split: "".join(json.dumps(row) + "\n" for row in rows) for split, rows in splits.items() if rows}
    return write_files(folder, **{split: ("jsonl", content) for split, content in rows.items()})


def parquet(**columns) -> tuple[str, bytes]:
    buffer = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table({name: [value] for name, value in ROW.items()} | columns), buffer)
    return "parquet", buffer.getvalue().to_pybytes()


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_folder_with_the_same_columns_is_a_task(tmp_path, file_format):
    rows = [dict(reversed({**ROW, "source": 1}.items()))]
    if file_format == "jsonl":
        path = write_folder(tmp_path / "elsewhere", train=rows)
    else:
        path = write_files(tmp_path / "elsewhere", train=parquet(source=[1]), questions=parquet())
    splits = load_task(path, "paper")
    assert {split: splits[split].to_list() for split in splits} == {"train": [ROW], "questions": [ROW]}
    assert splits["train"].features == splits["questions"].features == FEATURES
    assert [task_source(task) for task in (path, "capitals", "a/b")] == ["folder", "packaged", "hub"]


def test_changed_data_in_a_folder_is_seen(tmp_path, cache):
    path = write_folder(tmp_path / "elsewhere")
    for text in ["a b\n", "a b \n"]:
        (tmp_path / "elsewhere" / "train.jsonl").write_text(json.dumps({**ROW, "text": text}) + "\n")
        assert load_task(path)["train"]["text"][:] == [text]
    assert not cache.exists()


@pytest.mark.parametrize("name", ["plain", "with space", "データ", "a[1]", "a?b"])
def test_however_a_folder_is_called_it_is_found(tmp_path, monkeypatch, name):
    write_folder(tmp_path / name)
    write_folder(tmp_path / "acb", train=[ROW, {**ROW, "text": "c d\n"}])  # which a?b would find as a pattern
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / name)
    (tmp_path / "link").symlink_to(tmp_path / name)
    for path in (".", "./", f"../{name}", f"../{name}/", f"~/{name}", "~/link", str(tmp_path / name)):
        assert load_task(path)["train"]["text"][:] == ["a b\n"]


# What columns hold


# `datasets` asks for the size of what it reads, and before a table of views had none.
OLD_ARROW = pytest.mark.skipif(Version(pa.__version__) < Version("24"), reason="needs pyarrow 24")


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("answer", pa.array(["b"], pa.large_string()), "b"),
        pytest.param("answer", pa.array(["b"], pa.string_view()), "b", marks=OLD_ARROW),
        ("answer", pa.array(["b"]).dictionary_encode(), "b"),
        ("kind", pa.array([-7], pa.int8()), "-7"),
        ("seen", pa.array([1]), True),
        ("seen", pa.array([1.0]), None),
        ("seen", pa.array(["TRUE"]), True),
        ("seen", pa.array(["yes"]), None),
        ("answer", pa.array([3.0]), None),
        ("answer", pa.array([True]), None),
        ("answer", pa.array([b"b"]), None),
    ],
)
def test_a_column_is_cast_where_nothing_is_lost(tmp_path, column, values, expected):
    typed = parquet(**{column: values})
    path = write_files(tmp_path / "typed", train=typed, questions=typed)
    if expected is None:
        refuses(rf"The column '{column}' in the split 'train' of '.*' holds Value\('.*'\), not Value\(", path)
    else:
        assert load_task(path)["questions"][column][:] == [expected]


def test_csv_is_read_as_it_is_written(tmp_path):
    rows = '"2+5=007\n",2+5=,007,"\n",NA,rule,true\n"null=NA\n",null=,NA,"\n",None,fact,1\n'
    task = load_task(write_files(tmp_path / "csv", train=("csv", HEAD + rows), questions=("csv", HEAD + rows)))
    asked = task["questions"]
    assert (asked["answer"][:], asked["kind"][:], asked["seen"][:]) == (["007", "NA"], ["NA", "None"], [True, True])


def test_numbers_of_one_split_leave_the_text_of_another_alone(tmp_path):
    train = [{**ROW, "prompt": "n", "answer": 7, "text": "n7\n"}, {**ROW, "text": "n007\n", "answer": 8}]
    path = write_folder(tmp_path / "mixed", train=train, questions=[{**ROW, "prompt": "n", "answer": "007"}])
    assert load_task(path)["questions"]["answer"][:] == ["007"]
    dates = [{**ROW, "answer": "2001-01-01", "text": "a 2001-01-01\n"}]
    refuses(
        "Write dates as text, in CSV or Parquet: JSON that looks like", write_folder(tmp_path / "dates", dates, dates)
    )


def changed(**values):
    row = {**ROW, **values}
    return [{name: value for name, value in row.items() if value is not None}]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"questions": None}, "PATH has no split 'questions', only 'train'. A task has the splits 'train' and 'ques"),
        ({"train": None}, "PATH has no split 'train', only 'questions'. A task has the splits 'train' and 'questions"),
        (
            {"train": changed(end=None), "questions": changed(end=None)},
            "There is no column 'end' in the split 'train' of PATH, only 'text', 'prompt', 'answer', 'kind', ",
        ),
        (
            {"questions": changed(end=None)},
            "The column 'end' in the split 'questions' of PATH has rows without a value",
        ),
        (
            {"train": changed(seen="yes"), "questions": changed(seen="no")},
            "The column 'seen' in the split 'train' of PATH holds Value('string'), not Value('bool'). A task has",
        ),
        *(
            (
                {"questions": [ROW, *changed(**{column: ""})]},
                f"1 of 2 rows in the split 'questions' of PATH have an empty '{column}', the first of them row 2, {{",
            )
            for column in ("prompt", "answer", "end", "kind")
        ),
        ({"train": changed(text="")}, "1 of 1 rows in the split 'train' of PATH have an empty 'text'"),
        (
            {"questions": changed(ability="Rule")},
            "1 of 1 rows in the split 'questions' of PATH have an `ability` that is neither 'rule' nor 'fact'",
        ),
        ({"train": changed(ability="")}, "1 of 1 rows in the split 'train' of PATH have an `ability` that is neither"),
        (
            {"questions": [ROW, {**ROW, "kind": "y"}, ROW]},
            r"1 questions of PATH are there more than once, such as 'a b\n' 3 times: leave one row of each.",
        ),
    ],
)
def test_a_folder_that_is_no_task_is_refused(tmp_path, splits, message):
    path = write_folder(tmp_path / "elsewhere", **splits)
    refuses(re.escape(message.replace("PATH", repr(path))), path)


# What cannot be read


@pytest.mark.parametrize("path", ["arithmetics", "someone/something", "/no/such/folder", "csv", "empty", "a" * 9999])
def test_what_cannot_be_loaded_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    refuses(rf"Could not load the task '.*': .*\. Give one of {LISTED}, a local folder or a dataset on the Hub", path)


LINE = json.dumps(ROW) + "\n"
LATIN = json.dumps({**ROW, "kind": "é"}, ensure_ascii=False).encode("latin-1") + b"\n"


@pytest.mark.parametrize(
    ("ending", "content", "cause"),
    [
        ("jsonl", LINE + '{"text": "a', "cannot be read: JSON parse error: Missing a closing quotation mark"),
        ("jsonl", LATIN, "cannot be read: it is not UTF-8"),
        ("jsonl", "", "is empty"),
        ("jsonl.gz", gzip.compress(LINE.encode())[:-9], "cannot be read: Compressed file ended before"),
        ("parquet", LINE, "cannot be read: Parquet magic bytes not found"),
    ],
    ids=["torn", "latin-1", "empty", "cut off", "no parquet"],
)
@pytest.mark.parametrize("split", ["train", "questions"])
def test_a_file_that_cannot_be_read_is_named_with_the_cause(tmp_path, split, ending, content, cause):
    whole = parquet() if ending == "parquet" else (ending, gzip.compress(LINE.encode()) if "gz" in ending else LINE)
    path = write_files(tmp_path / "torn", **{"train": whole, "questions": whole} | {split: (ending, content)})
    refuses(f"Could not load the task '{path}': its file {path}/{split}.{ending} {cause}", path)


def test_a_wrong_csv_and_a_column_of_one_file_are_named(tmp_path):
    rows = HEAD + '"a b\n",a ,b,"\n",x,fact,true\n'
    path = write_files(tmp_path / "csv", train=("csv", rows), questions=("csv", rows + "1,2,3,4,5,6,7,8\n"))
    refuses(f"its file {path}/questions.csv cannot be read: .* Expected 7 fields in line 3, saw 8", path)
    path = write_folder(tmp_path / "extra", questions=[{**ROW, "id": 0}])
    refuses(f"only one of its files {path}/train.jsonl and {path}/questions.jsonl has the columns 'id'", path)
    (tmp_path / "extra" / "questions.jsonl").unlink()
    refuses(f"Unable to find '{path}/questions.jsonl'", path)
    refuses("it is a file, where a task is a folder", f"{path}/train.jsonl")


def test_a_card_that_is_no_card_is_refused(tmp_path):
    for head in ("configs: [", "configs:\n- config_name: a\n  data_files: 3", "configs:\n- config_name: a"):
        path = tmp_path / str(len(head))
        path.mkdir()
        (path / "README.md").write_text(f"---\n{head}\n---\n")
        refuses(f"Could not load the task '{path}': .*\\. Give one of {LISTED}", str(path))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"withheld_pairs": [[5, 7]], "split_seed": 2}, "'withheld_pairs', 'split_seed'"),
        ({"split_seed": 2}, "'split_seed'"),
    ],
)
def test_a_task_from_elsewhere_takes_no_parameters(tmp_path, given, named):
    path = write_folder(tmp_path / "elsewhere")
    refuses(f"{path!r} is loaded as it is: leave out {named}, or load one of 'arithmetic', ", path, **given)
    refuses(r"'papr' not found. Available: \['paper'\]", path, "papr")


def test_pandas_writes_what_is_read(tmp_path):
    path = write_folder(tmp_path / "pandas")
    pd.DataFrame([ROW]).to_json(tmp_path / "pandas" / "train.jsonl", orient="records", lines=True)
    assert load_task(path)["train"].to_list() == [ROW]


@pytest.mark.parametrize("odd", ["null", "NaN", "7", "[1]"])
def test_a_row_that_is_no_mapping_is_refused_where_the_reader_would_end_the_process(tmp_path, odd):
    folder = tmp_path / "task"
    path = write_folder(folder)
    lines = (folder / "train.jsonl").read_bytes()
    (folder / "train.jsonl").write_bytes(lines + odd.encode() + b"\n")
    number = lines.count(b"\n") + 1
    refuses(rf"train\.jsonl: line {number} is `{re.escape(odd)}`, where a row is a mapping", path)


def test_a_folder_that_holds_far_more_than_a_task_is_refused_before_it_is_searched(tmp_path, monkeypatch):
    path = write_folder(tmp_path / "elsewhere")
    assert load_task(path)
    monkeypatch.setattr("dataset_builders.elsewhere.reading.MOST_FILES", 2)
    refuses("more than 2 files in it: name the task's own folder", path)
