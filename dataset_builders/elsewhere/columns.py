"""The columns of a task that is not ours: cast where nothing can be lost, else refused with what to do about it."""

from collections.abc import Callable

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import FEATURES, listed, shorten


SPLITS = ("train", "questions")
FLAGS = {"true": True, "false": False, "1": True, "0": False}


def checked_columns(splits: datasets.DatasetDict, path: str) -> datasets.DatasetDict:
    """The two splits with our columns in our order.

    Raises:
        `ValueError`: if a split, a column or a value is missing, or is not what a run can use.
    """
    remedy = (
        f"A task has the splits 'train' and 'questions', named under `configs:` in the card of its folder, both with "
        f"the columns {listed(FEATURES)}: `seen` holds true or false, the others hold strings, and none may be empty."
    )
    checked = datasets.DatasetDict()
    for split in SPLITS:
        if split not in splits:
            raise ValueError(f"{shorten(path)} has no split {split!r}, only {listed(splits)}. {remedy}")
        where = f"the split {split!r} of {shorten(path)}"
        if not len(splits[split]):
            raise ValueError(f"There are no rows in {where}. {remedy}")
        columns = {column: _cast_column(splits[split], column, where, remedy) for column in FEATURES}
        table = pa.table(columns, schema=FEATURES.arrow_schema)
        _check_values(table, split, where)
        checked[split] = datasets.Dataset(table)
    return checked


def _cast_column(rows: datasets.Dataset, column: str, where: str, remedy: str) -> pa.ChunkedArray:
    if column not in rows.features:
        raise ValueError(f"There is no column {column!r} in {where}, only {listed(rows.features)}. {remedy}")
    values, feature = rows.data.column(column), rows.features[column]
    # A column that only the other split has arrives here too, without a value in any row.
    if values.null_count:
        raise ValueError(f"The column {column!r} in {where} has rows without a value. {remedy}")
    cast: Callable = _as_flags if column == "seen" else as_text
    found = cast(values, feature)
    if found is None:
        raise ValueError(
            f"The column {column!r} in {where} holds {feature}, not {FEATURES[column]}. {remedy}{_advice(feature)}"
        )
    return found


def as_text(values: pa.ChunkedArray, feature: object) -> pa.ChunkedArray | None:
    """A column as strings; None where something would be lost."""
    if isinstance(feature, datasets.ClassLabel):
        return pa.chunked_array([pc.take(pa.array(feature.names), chunk) for chunk in values.chunks], pa.string())
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_string_view)
    if isinstance(feature, datasets.Value) and any(is_kind(values.type) for is_kind in kinds):
        return values.cast(pa.string())
    return None


def _as_flags(values: pa.ChunkedArray, feature: object) -> pa.ChunkedArray | None:
    if pa.types.is_boolean(values.type):
        return values
    texts = as_text(values, feature)
    if texts is None:
        return None
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    if not set(pc.unique(texts).to_pylist()) <= set(FLAGS):
        return None
    return pc.is_in(texts, pa.array([flag for flag, is_true in FLAGS.items() if is_true]))


def _advice(feature: object) -> str:
    if str(getattr(feature, "dtype", "")).startswith(("timestamp", "date", "time")):
        return " Write dates as text, in CSV or Parquet: JSON that looks like a date is read as one."
    return ""


def _check_values(table: pa.Table, split: str, where: str) -> None:
    for column in ("prompt", "answer", "end", "kind") if split == "questions" else ("text",):
        empty = pc.equal(table[column], "")
        if pc.any(empty).as_py():
            raise ValueError(
                f"{pc.sum(empty).as_py()} of {len(table)} rows in {where} have an empty {column!r}, the first of them "
                f"{_first(table, empty)}: give each one, or leave the row out."
            )
    odd = pc.invert(pc.is_in(table["ability"], pa.array(["rule", "fact"])))
    if pc.any(odd).as_py():
        raise ValueError(
            f"{pc.sum(odd).as_py()} of {len(table)} rows in {where} have an `ability` that is neither 'rule' nor "
            f"'fact', the first of them {_first(table, odd)}: write one of these two words."
        )


def check_asked_once(questions: datasets.Dataset, path: str) -> None:
    """A `ValueError` where a question is there more than once: it would count more than others do.

    Args:
        questions: The split, without the questions that were dropped.
        path: What the task is called.
    """
    table = questions.data.table
    counts = table.group_by(["prompt", "answer", "end"], use_threads=False).aggregate([([], "count_all")])
    counts = counts.filter(pc.greater(counts["count_all"], 1))
    if len(counts):
        row = counts.slice(0, 1).to_pylist()[0]
        raise ValueError(
            f"{len(counts)} questions of {shorten(path)} are there more than once, such as "
            f"{shorten(row['prompt'] + row['answer'] + row['end'])} {row['count_all']} times: leave one "
            "row of each."
        )


def _first(table: pa.Table, odd: pa.ChunkedArray) -> str:
    place = pc.index(odd, True).as_py()
    return f"row {place + 1}, {shorten(table.slice(place, 1).to_pylist()[0])}"
