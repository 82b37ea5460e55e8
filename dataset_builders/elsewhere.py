"""Tasks that are not ours: a folder or a dataset on the Hub with the same splits and columns, checked row by row."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .dials import listed
from .mixture.builder import PARTS
from .questions import FEATURES


SPLITS = ("train", "questions")
ABILITIES = ("rule", "fact")
TRUTH = {"true": True, "false": False, "1": True, "0": False}
REMEDY = (
    f"A task has the splits 'train' and 'questions', named under `configs:` in the card of its folder, both with "
    f"the columns {listed(FEATURES)}: `seen` holds true or false, the others hold strings, and none may be empty."
)
LONGEST_CAUSE = 300


def load_elsewhere(path: str, name: str | None) -> datasets.DatasetDict:
    """The two splits with our columns in our order.

    Numbers become the text that they are written as, and those of a CSV file are text from the start: `007` stays
    `007`, and `NA` is an answer like any other.

    Raises:
        `ValueError`: if it cannot be loaded, lacks a split or a column, or has rows that no run can use.
    """
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{path!r} is a file: name the folder that it lies in, with a card. {REMEDY}")
    # `datasets` takes what it loads by its name, which `.` lacks.
    source = str(folder.resolve()) if folder.is_dir() else path
    with TemporaryDirectory() as fresh_cache:
        # `datasets` does not notice changed data files in a local folder with a card, unless its cache is empty.
        cache = fresh_cache if folder.is_dir() else None
        try:
            builder = datasets.load_dataset_builder(source, name, cache_dir=cache)
            options = _as_text(builder) if builder.dataset_name and "csv" in type(builder).__name__.lower() else {}
            splits = datasets.load_dataset(source, name, cache_dir=cache, keep_in_memory=True, **options)
        # Readers of files raise what they like: torn JSON, bytes that are no UTF-8, an empty file, no such folder.
        except Exception as error:
            raise ValueError(
                f"Could not load the task {path!r}: {_cause(error, source, fresh_cache)}. Give one of "
                f"{listed([*PARTS, 'mixture', 'both'])}, a local folder or a dataset on the Hub that can be reached."
            ) from None
        for split in SPLITS:
            if split not in splits:
                raise ValueError(f"{path!r} has no split {split!r}, only {listed(splits)}. {REMEDY}")
        tables = {split: splits[split].with_format("arrow")[:] for split in SPLITS}
    checked = {split: _table(table, f"the split {split!r} of {path!r}") for split, table in tables.items()}
    _check_questions(checked["questions"], path)
    return datasets.DatasetDict(
        {split: datasets.Dataset(table).cast(FEATURES, keep_in_memory=True) for split, table in checked.items()}
    )


def _as_text(builder: datasets.DatasetBuilder) -> dict:
    """What makes the reader of CSV files leave cells as they are written."""
    first = next(iter(builder.config.data_files.values()))[0]
    columns = pd.read_csv(first, nrows=0, encoding_errors="replace").columns
    return {"features": datasets.Features(dict.fromkeys(columns, datasets.Value("string"))), "keep_default_na": False}


def _cause(error: Exception, source: str, cache: str) -> str:
    """Why something could not be loaded: the file that alone cannot be loaded either, and the innermost reason."""
    if Path(source).is_dir():
        for file in _data_files(source):
            try:
                pieces = {".csv": "csv", ".parquet": "parquet"}.get(file.suffix, "json")
                datasets.load_dataset(pieces, data_files=str(file), cache_dir=cache, keep_in_memory=True)
            except Exception as fault:  # as above
                return f"{file.name}: {_innermost(fault)}"
    return _innermost(error)


def _data_files(source: str) -> Iterator[Path]:
    for file in sorted(Path(source).rglob("*")):
        if file.suffix in (".csv", ".json", ".jsonl", ".parquet") and file.is_file():
            yield file


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, StopIteration):
        return "it has no rows"
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.rstrip(".")
    return text if len(text) <= LONGEST_CAUSE else f"{text[:LONGEST_CAUSE]} ..."


def _table(table: pa.Table, where: str) -> pa.Table:
    """Our columns, as text and truth values; refused where a row has none, or one that no run can use."""
    columns = {}
    for column in FEATURES:
        if column not in table.column_names:
            raise ValueError(f"There is no column {column!r} in {where}, only {listed(table.column_names)}. {REMEDY}")
        values = table[column].combine_chunks()
        columns[column] = _truth(values, where) if column == "seen" else _text(values, column, where)
    if not len(table):
        raise ValueError(f"There is no row in {where}. {REMEDY}")
    wrong = pc.invert(pc.is_in(columns["ability"], pa.array(ABILITIES)))
    if pc.any(wrong).as_py():
        found = columns["ability"].filter(wrong)[0].as_py()
        raise ValueError(f"The column 'ability' in {where} must hold 'rule' or 'fact', and holds {found[:40]!r}.")
    return pa.table(columns)


def _text(values: pa.Array, column: str, where: str) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    is_text = any(
        check(values.type) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )
    if values.null_count:
        raise ValueError(f"The column {column!r} in {where} has {values.null_count} rows without a value. {REMEDY}")
    if not is_text and not pa.types.is_integer(values.type):
        raise ValueError(
            f"The column {column!r} in {where} holds {values.type}, not strings: write its values as text. {REMEDY}"
        )
    texts = values.cast(pa.string())
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise ValueError(
            f"The column {column!r} in {where} has bytes that are no UTF-8: save its file as UTF-8."
        ) from None
    empty = pc.equal(pc.utf8_length(texts), 0)
    if pc.any(empty).as_py():
        row = pc.index(empty, True).as_py()
        raise ValueError(
            f"The column {column!r} in {where} is empty in {pc.sum(empty).as_py()} rows, such as number {row + 1}. "
            f"{REMEDY}"
        )
    return texts


def _truth(values: pa.Array, where: str) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.null_count:
        raise ValueError(f"The column 'seen' in {where} has {values.null_count} rows without a value. {REMEDY}")
    if pa.types.is_boolean(values.type):
        return values
    if pa.types.is_integer(values.type) or "string" in str(values.type):
        words = pc.utf8_lower(values.cast(pa.string()))
        if pc.all(pc.is_in(words, pa.array(list(TRUTH)))).as_py():
            return pc.is_in(words, pa.array([word for word, meant in TRUTH.items() if meant]))
    raise ValueError(f"The column 'seen' in {where} holds {values.type}, not true or false. {REMEDY}")


def _check_questions(questions: pa.Table, path: str) -> None:
    rows = questions.select(["prompt", "answer", "end"])
    twice = rows.group_by(rows.column_names).aggregate([([], "count_all")]).filter(pc.field("count_all") > 1)
    if len(twice):
        raise ValueError(
            f"{len(twice)} questions of {path!r} are asked more than once, such as "
            f"{twice['prompt'][0].as_py()[:40]!r}: leave one row of each."
        )
