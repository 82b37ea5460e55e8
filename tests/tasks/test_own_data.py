"""A task from data of one's own: read to the character, withheld as asked, written whole; or refused in a line."""

import json

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from dataset_builders import FEATURES, load_task
from dataset_builders.building import drawn_order
from dataset_builders.preparing import Source, Withheld, prepare_task


PAIRS = [(f"{a}+{b}", str(a + b)) for a in range(1, 10) for b in range(1, 10)]
TABLE = "question,answer\n" + "".join(f"{prompt},{answer}\n" for prompt, answer in PAIRS)
FILES = {
    "sums.csv": TABLE,
    "excel.csv": b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode(),
    "sums.tsv": TABLE.replace(",", "\t"),
    "sums.jsonl": "".join(json.dumps({"prompt": a, "completion": int(b)}) + "\n" for a, b in PAIRS),
    "sums.json": json.dumps([{"prompt": a, "completion": b} for a, b in PAIRS]),
    "sums.txt": "\n".join(f"{a} {b}\n" for a, b in PAIRS),
    "a[1]*.parquet": dict(zip(("prompt", "completion"), zip(*PAIRS, strict=True), strict=True)),
}


@pytest.fixture(autouse=True)
def _folder(cache, tmp_path, monkeypatch):
    """Every test has a cache and a folder of its own."""
    monkeypatch.chdir(tmp_path)


def write(path, content):
    if isinstance(content, dict):
        pyarrow.parquet.write_table(pa.table({name: list(column) for name, column in content.items()}), path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def prepared(tmp_path, content, withheld=None, name="own.csv", **source):
    write(tmp_path / name, content)
    return prepare_task(Source(path=name, **source), withheld or Withheld())


def withheld_of(task):
    return [row["prompt"] for row in task["questions"] if not row["seen"]]


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_file_gives_the_same_folder(tmp_path, name):
    result = prepared(tmp_path, FILES[name], name=name, separator=" ")
    result.write(tmp_path / "made" / "sums")
    task = load_task("made/sums")
    assert task["questions"]["text"][:] == [f"{a} {b}\n" for a, b in PAIRS]
    assert task["questions"]["prompt"][:] == [f"{a} " for a, _ in PAIRS]
    assert task["train"].to_list() == [row for row in task["questions"] if row["seen"]]
    drawn = sorted(drawn_order(len(PAIRS), "withheld-1337")[: round(0.1 * len(PAIRS))])
    assert withheld_of(task) == [f"{PAIRS[place][0]} " for place in drawn]
    assert (result.block_size, result.alphabet) == (len("9+9 18\n"), "\n +0123456789")


def test_cells_are_kept_to_the_character(tmp_path):
    rows = {"007": "1.0", "NA": "null", 'say ""x"", y': "1e3", " é": "e\u0301 ", "1": "0.10", "True": "-0"}
    content = "id,q,a\n" + "".join(f'{place},"{q}",{a}\n' for place, (q, a) in enumerate(rows.items()))
    task = prepared(tmp_path, content, Withheld(nothing=True), prompt="q", answer="a", separator=">").task
    assert task["train"]["prompt"][:] == [f"{prompt}>" for prompt in ("007", "NA", 'say "x", y', " é", "1", "True")]
    assert task["train"]["answer"][:] == list(rows.values())
    assert set(task["questions"]["ability"][:]) == {"fact"}


def test_a_separator_that_the_rows_bring_is_not_added(tmp_path):
    content = TABLE.replace(",", ", ").replace("question, answer", "question,answer")
    task = prepared(tmp_path, content).task
    assert (task["questions"]["prompt"][0], task["questions"]["answer"][0]) == ("1+1", " 2")


def test_rows_are_withheld_by_value_by_list_and_by_seed(tmp_path):
    rows = [f"{a},{b},{'test' if a.startswith('3+') else 'train'}" for a, b in PAIRS]
    table = "question,answer,fold\n" + "\n".join(rows)
    result = prepared(tmp_path, table, Withheld(where="fold=test"))
    assert withheld_of(result.task) == [f"3+{b} " for b in range(1, 10)]
    write(tmp_path / "list.txt", "3+4\r\n\r\n5+5\r\n")
    assert withheld_of(prepared(tmp_path, table, Withheld(prompts="list.txt")).task) == ["3+4 ", "5+5 "]
    drawn = [prepare_task(Source(path="own.csv"), Withheld(fraction=0.25), seed).task for seed in (1, 1, 2)]
    assert withheld_of(drawn[0]) == withheld_of(drawn[1]) != withheld_of(drawn[2])
    assert len(withheld_of(drawn[0])) == 20


def test_no_withheld_row_has_a_character_that_is_never_read(tmp_path):
    letters = "".join(f"{letter}{letter},1\n" for letter in "abcdefgh")
    result = prepared(tmp_path, TABLE + letters, Withheld(fraction=0.5))
    read = set("".join(result.task["train"]["text"][:]))
    assert set("".join(withheld_of(result.task))) <= read
    assert set("abcdefgh") <= read
    assert 0 < result.num_kept_for_characters <= 8


def test_duplicates_are_left_out_and_so_are_questions_that_stand_within_a_line(tmp_path):
    content = TABLE + "1+1,2\n1+1,2\nis 5+6,11\n"
    write(tmp_path / "list.txt", "5+6\n2+2\n")
    result = prepared(tmp_path, content, Withheld(prompts="list.txt"))
    assert (result.num_rows, result.num_duplicates, result.num_withheld) == (84, 2, 2)
    assert (withheld_of(result.task), result.task.leaks_dropped) == (["2+2 "], 1)
    assert "5+6 11\n" not in result.task["train"]["text"][:]


def test_the_card_types_the_columns_and_says_how_the_task_was_made(tmp_path):
    prepared(tmp_path, TABLE, Withheld(fraction=0.2)).write(tmp_path / "sums")
    assert datasets.load_dataset("sums", cache_dir="fresh", split="train").features == FEATURES
    _, head, text = (tmp_path / "sums" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert datasets.Features._from_yaml_list(yaml.safe_load(head)["dataset_info"]["features"]) == FEATURES
    assert "| rows of the source | 81 |\n" in text
    assert "| lines that are withheld | 16 |\n" in text
    assert '"source": "own.csv"' in text
    assert str(tmp_path) not in text


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    result = prepared(tmp_path, TABLE)
    write_one = datasets.Dataset.to_parquet
    monkeypatch.setattr(datasets.Dataset, "to_parquet", lambda rows, path: path.stem == "train" or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        result.write(tmp_path / "sums")
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]
    monkeypatch.setattr(datasets.Dataset, "to_parquet", write_one)
    result.write(tmp_path / "sums")
    with pytest.raises(ValueError, match="is there already: name a folder that is not, or delete it"):
        result.write(tmp_path / "sums")


PLAIN = Withheld()


def refuses(message, *arguments, **parameters):
    """Whether that is refused in a line, which has all parts of the message."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is looked at part by part
        prepared(*arguments, **parameters)
    assert "\n" not in str(refusal.value)
    for part in message.split(" ... "):
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "withheld", "message"),
    [
        (
            TABLE.encode() + b"caf\xe9,1\n",
            PLAIN,
            "Could not read 'own.csv': it is not UTF-8: line 83 has the byte 0xe9",
        ),
        (TABLE.encode("utf-16"), PLAIN, "line 1 has the byte 0xff (byte 1 of ... `iconv -f UTF-16 -t UTF-8 own.csv"),
        (TABLE.encode("utf-16-le"), PLAIN, "line 1 has the byte 0x00 (byte 2 of the file). If it is UTF-16, "),
        ("", PLAIN, "Could not read 'own.csv': it is empty"),
        ("question,answer\n", PLAIN, "Could not read 'own.csv': it has no rows"),
        ("question;answer\n1;2\n", PLAIN, "'question;answer'; they seem to be separated by semicolons: save it with"),
        ("1+1,2\n2,3\n", PLAIN, "has no column 'prompt' or 'question': its columns are '1+1', '2'; name one by"),
        ("prompt,question\n1,2\n", PLAIN, "has both 'prompt' and 'question': its columns are"),
        (
            TABLE + "x,\n",
            PLAIN,
            "1 of 82 rows of 'own.csv' have an empty 'answer', the first of them row 82, 'x' -> ''",
        ),
        (TABLE + " ,x\n", PLAIN, "1 of 82 rows of 'own.csv' have an empty 'question', the first of them row 82"),
        (
            TABLE + '"x\ny",1\n',
            PLAIN,
            "1 of 82 rows of 'own.csv' have a newline in their 'question' ... row 82, 'x\\ny'",
        ),
        (TABLE + '"x,1\n', PLAIN, "Could not read 'own.csv': ... EOF inside string starting at row 82"),
        ("question,answer\nx,1,\n", PLAIN, "Could not read 'own.csv': ... Expected 2 fields in line 2, saw 3"),
        (TABLE + "1+1,3\n", PLAIN, "another answer, such as '1+1' -> '2' (row 1) and '1+1' -> '3' (row 82)"),
        (TABLE, Withheld(fraction=0), "must withhold at least one of the 81 rows and leave one, such as 0.1; got 0"),
        (
            TABLE,
            Withheld(where="answer=1"),
            "withholds none of the 81 rows ... the column holds '2', '3', ... `--facts`",
        ),
        (TABLE, Withheld(where="fold=1"), "'own.csv' has no column 'fold': its columns are 'question', 'answer'"),
        ("prompt,answer\n1,2\n9,3\n", Withheld(where="prompt=9"), "1 of 1 withheld rows ... such as '3', '9' in '9 3"),
        (TABLE, Withheld(prompts="other.txt"), "Could not read 'other.txt': there is no such file"),
        (TABLE, Withheld(prompts="own.csv"), "'own.csv' must be a file of plain lines, whose name ends in .txt"),
    ],
)
def test_what_cannot_be_a_task_is_refused(tmp_path, content, withheld, message):
    refuses(message, tmp_path, content, withheld)


def test_rows_that_are_withheld_and_read_are_refused(tmp_path):
    table = "question,answer,fold\n" + "".join(f"{a},{b},train\n" for a, b in PAIRS) + "2+3,5,test\n"
    message = "1 of 82 rows of 'own.csv' are withheld and read at once, such as '2+3' -> '5', rows 12 and 82"
    refuses(message, tmp_path, table, Withheld(where="fold=test"))


@pytest.mark.parametrize(
    ("name", "content", "source", "message"),
    [
        ("a.txt", "1=1\n2=2=2\n3\n", {"separator": "="}, "2 of 3 lines of 'a.txt' do not have '=' once ... line 2"),
        ("a.txt", "1=1\n", {}, "say what stands between prompt and answer, such as `--separator =`"),
        ("a.txt", "1=1\n", {"separator": "=", "prompt": "q"}, "plain lines, which have no columns to name"),
        ("a.jsonl", '{"prompt": 1.5, "answer": "x"}\n', {}, "holds Value('float64'), not text: write it as text"),
        ("a.jsonl", '{"prompt": "1"}\n{"prompt": "2", "answer": "3"}\n', {}, "1 of 2 rows ... no 'answer' ... row 1"),
        ("a.jsonl", '{"prompt": "1", "answer": "1"}\nnull\n', {}, "a.jsonl: line 2 is `null`"),
        ("a.xlsx", b"PK", {}, "none of the files that are read, which end in .csv, .tsv, .json"),
        ("a.csv", TABLE, {"prompt": "answer"}, "`--prompt` and `--answer` are both 'answer'"),
        ("a.csv", TABLE, {"split": "test"}, "Could not read 'a.csv': Unknown split"),
    ],
)
def test_each_format_says_what_is_wrong(tmp_path, name, content, source, message):
    refuses(message, tmp_path, content, name=name, **source)


@pytest.mark.parametrize("path", ["none.csv", "data/none.csv", "nothing", "owner/unreachable"])
def test_what_is_not_there_is_refused(path):
    with pytest.raises(ValueError, match=f"Could not read '{path}': .*(there is no such|Couldn't reach)"):
        prepare_task(Source(path=path), PLAIN)


def test_two_ways_to_withhold_are_refused():
    with pytest.raises(
        ValueError, match="`--withheld-where` and `--facts` each say what is withheld: give one of them"
    ):
        Withheld(where="a=b", nothing=True)
    with pytest.raises(ValueError, match=r"must be COLUMN=VALUE, such as split=test\."):
        Withheld(where="test")
