"""Rows of prompts and answers, as they are written: read, checked, and each of them once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import MOST_CHARACTERS, MOST_LINES, first_places, listed, shorten
from dataset_builders.elsewhere import Unreadable, as_text, quiet, read_rows


PROMPTS, ANSWERS = ("prompt", "question"), ("completion", "answer")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Data of one's own, and where in it prompts and answers are.

    Args:
        path (`str`): A file, a folder, or a dataset on the Hub.
        name (`str`, *optional*): A named config of a folder or dataset.
        split (`str`, defaults to `"train"`): Which rows of it, such as `train[:2000]`.
        prompt (`str`, *optional*): The column of prompts, unless it is called `prompt` or `question`.
        answer (`str`, *optional*): The column of answers, unless it is called `completion` or `answer`.
        separator (`str`, *optional*): What stands between prompt and answer. Of a file of plain lines, where each is
            split; else a space, unless prompts end with one, or answers begin so.
    """

    path: str
    name: str | None = None
    split: str = "train"
    prompt: str | None = None
    answer: str | None = None
    separator: str | None = None

    @property
    def label(self) -> str:
        """What messages and cards call it: of a file or a folder its name alone."""
        return os.path.basename(os.path.normpath(self.path)) if os.path.exists(self.path) else self.path


def read_pairs(source: Source, other: str | None) -> pa.Table:
    """The rows of a source.

    Args:
        source: The data.
        other: Another column to be read.

    Returns:
        Columns `prompt`, `answer` and, where another one is read, `other`: strings, as they are written.

    Raises:
        `ValueError`: if the data cannot be read, has no such columns, or has rows that no line can be made of.
    """
    wanted = [*PROMPTS, *ANSWERS, *filter(None, (source.prompt, source.answer, other))]
    rows = _read(source.path, source.name, source.split, wanted)
    if not len(rows):
        raise ValueError(f"There are no rows in {shorten(source.label)}: a task needs two or more.")
    if source.path.endswith(".txt"):
        return _checked(_split_lines(rows["text"][:], source, other), source, {})
    names = {"prompt": _column(rows, source, "prompt", PROMPTS), "answer": _column(rows, source, "answer", ANSWERS)}
    if other is not None:
        names["other"] = _column(rows, source, "withheld_where", (other,))
    if names["prompt"] == names["answer"]:
        raise ValueError(f"`--prompt` and `--answer` are both {shorten(names['prompt'])}: name two columns.")
    return _checked(pa.table({name: _text(rows, column, source) for name, column in names.items()}), source, names)


def read_lines(path: str) -> list[str]:
    """The lines of a file whose name ends in .txt, blank ones left out.

    Raises:
        `ValueError`: if it cannot be read.
    """
    if not path.endswith(".txt"):
        raise ValueError(f"{shorten(path)} must be a file of plain lines, whose name ends in .txt.")
    return [line for line in _read(path, None, "train", ())["text"][:] if line.strip()]


def drop_duplicates(rows: pa.Table, is_withheld: np.ndarray, source: Source) -> tuple[pa.Table, np.ndarray]:
    """Each row once, with whether it is withheld.

    Raises:
        `ValueError`: if a row is withheld and read, or a prompt has several answers.
    """
    # No cell holds a newline.
    pairs = pc.binary_join_element_wise(rows["prompt"], rows["answer"], "\n").combine_chunks()
    first = first_places(pairs)
    identity = pc.dictionary_encode(pairs).indices.to_numpy()
    odd = np.flatnonzero(is_withheld != is_withheld[first][identity])
    if len(odd):
        raise ValueError(
            f"{len(odd)} of {len(rows)} rows of {shorten(source.label)} are withheld and read at once, such as "
            f"{_shown(rows, odd[0])}, rows {first[identity[odd[0]]] + 1} and {odd[0] + 1}: leave one of them."
        )
    prompts = rows["prompt"].combine_chunks().take(pa.array(first))
    again = np.setdiff1d(np.arange(len(prompts)), first_places(prompts))
    if len(again):
        before = pc.index(prompts, prompts[again[0]]).as_py()
        one, other = first[before], first[again[0]]
        raise ValueError(
            f"{len(again)} of {len(rows)} rows of {shorten(source.label)} have the prompt of another row with another "
            f"answer, such as {_shown(rows, one)} (row {one + 1}) and {_shown(rows, other)} (row {other + 1}): "
            "a prompt has one right answer, so leave one row of each."
        )
    return rows.take(pa.array(first)), is_withheld[first]


def _read(path: str, name: str | None, split: str, columns: Sequence[str]) -> datasets.Dataset:
    with quiet(), TemporaryDirectory() as cache:
        try:
            return read_rows(path, name, split, cache, columns)
        except Unreadable as fault:
            raise ValueError(f"Could not read {shorten(path)}: {fault}") from fault


def _split_lines(lines: Sequence[str], source: Source, other: str | None) -> pa.Table:
    named = [name for name, value in (("prompt", source.prompt), ("answer", source.answer)) if value is not None]
    if named or other is not None:
        raise ValueError(f"{shorten(source.label)} is a file of plain lines, which have no columns to name.")
    if not source.separator:
        raise ValueError(
            f"{shorten(source.label)} is a file of plain lines: say what stands between prompt and answer, such as "
            "`--separator =`."
        )
    lines = pa.array([line for line in lines if line.strip()], pa.string())
    odd = pc.not_equal(pc.count_substring(lines, source.separator), 1)
    if pc.any(odd).as_py():
        place = pc.index(odd, True).as_py()
        raise ValueError(
            f"{pc.sum(odd).as_py()} of {len(lines)} lines of {shorten(source.label)} do not have {source.separator!r} "
            f"once, the first of them line {place + 1}, {shorten(lines[place].as_py())}: one of these splits a line."
        )
    parts = pc.split_pattern(lines, source.separator)
    return pa.table({name: pc.list_element(parts, place) for place, name in enumerate(("prompt", "answer"))})


def _column(rows: datasets.Dataset, source: Source, key: str, usual: Sequence[str]) -> str:
    given = getattr(source, key, None)
    found = [name for name in ((given,) if given is not None else usual) if name in rows.column_names]
    if len(found) == 1:
        return found[0]
    wanted = shorten(given) if given is not None else " or ".join(map(repr, usual))
    problem = f"both {' and '.join(map(repr, found))}" if found else f"no column {wanted}"
    remedy = _other_separator(rows.column_names) or f"name one by `--{key.replace('_', '-')}`"
    raise ValueError(f"{shorten(source.label)} has {problem}: its columns are {listed(rows.column_names)}; {remedy}.")


def _other_separator(columns: Sequence[str]) -> str | None:
    """What to do where the only column of a table holds what elsewhere stands between columns."""
    if len(columns) == 1 and ";" in columns[0]:
        return "they seem to be separated by semicolons: save it with commas, or with tabs as .tsv"
    if len(columns) == 1 and "\t" in columns[0]:
        return "they seem to be separated by tabs: rename it to end in .tsv"
    return None


def _text(rows: datasets.Dataset, column: str, source: Source) -> pa.ChunkedArray:
    values, feature = rows.data.column(column), rows.features[column]
    if values.null_count:
        place = pc.index(pc.is_null(values), True).as_py()
        raise ValueError(
            f"{values.null_count} of {len(values)} rows of {shorten(source.label)} have no {column!r}, the first of "
            f"them row {place + 1}: give each one, or leave the row out."
        )
    texts = as_text(values, feature)
    if texts is None:
        raise ValueError(
            f"The column {column!r} of {shorten(source.label)} holds {feature}, not text: write it as text, in CSV or "
            "Parquet, to have it read to the character."
        )
    return texts


def _checked(rows: pa.Table, source: Source, names: dict[str, str]) -> pa.Table:
    """The rows, if a line can be made of each."""
    for column in ("prompt", "answer"):
        for odd, what, remedy in (
            (pc.equal(pc.utf8_trim_whitespace(rows[column]), ""), "an empty", "give each one, or leave the row out"),
            (
                pc.match_substring_regex(rows[column], "[\n\r]"),
                "a newline in their",
                "a line ends there, so write something else, such as a space",
            ),
        ):
            if pc.any(odd).as_py():
                place = pc.index(odd, True).as_py()
                raise ValueError(
                    f"{pc.sum(odd).as_py()} of {len(rows)} rows of {shorten(source.label)} have {what} "
                    f"{names.get(column, column)!r}, the first of them row {place + 1}, {_shown(rows, place)}: "
                    f"{remedy}."
                )
    num_characters = sum(pc.sum(pc.utf8_length(rows[column])).as_py() for column in ("prompt", "answer"))
    if len(rows) > MOST_LINES or num_characters > MOST_CHARACTERS:
        raise ValueError(
            f"{shorten(source.label)} has {len(rows):,} rows of {num_characters:,} characters, of which "
            f"{MOST_LINES:,} and {MOST_CHARACTERS:,} are possible: take a part of it."
        )
    return rows


def _shown(rows: pa.Table, place: int) -> str:
    return " -> ".join(shorten(rows[column][place].as_py()) for column in ("prompt", "answer"))
