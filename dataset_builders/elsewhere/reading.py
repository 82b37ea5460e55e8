"""Tasks that are not ours: a folder, or a dataset on the Hub, read as it is; a file that cannot be read is named."""

import contextlib
import glob
import logging
import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import pandas as pd
import yaml
from huggingface_hub.utils import HFValidationError, validate_repo_id

from dataset_builders.building import FEATURES, MOST_CHARACTERS, listed


# `datasets` looks at each, for minutes where somebody names a folder that holds far more than a task.
MOST_FILES = 10_000
# Of a file of text: four for each of the characters that a task may have.
MOST_BYTES = 4 * MOST_CHARACTERS
# Of what a library says of a file.
MOST_OF_A_CAUSE = 300
# What reads a file of such a name, and how; of text, the mark that some programs put in front is left out.
FORMATS: dict[str, dict[str, Any]] = {
    ".csv": {"path": "csv"},
    ".tsv": {"path": "csv", "sep": "\t"},
    ".json": {"path": "json"},
    ".jsonl": {"path": "json"},
    ".parquet": {"path": "parquet"},
    ".txt": {"path": "text", "encoding": "utf-8-sig"},
}


class Unreadable(ValueError):
    """There is no such task, or a file of it cannot be read; the message is a sentence that says why."""


def is_folder(path: str) -> bool:
    """Whether a task's path is a folder here; `~` is the user's own."""
    return os.path.isdir(os.path.expanduser(path))  # where a `Path` raises, this is False: 5,000 letters, say


def read_splits(path: str, name: str | None, cache: str) -> datasets.DatasetDict:
    """All splits of a folder or a dataset on the Hub, in memory, whatever their columns are.

    Args:
        path: The folder, or an id on the Hub.
        name: A named config of it.
        cache: An empty folder.

    Raises:
        `Unreadable`: if there is no such task, or a file of it cannot be read.
    """
    place = _place(path, name, cache)
    files: dict[str, list[str]] = {}
    try:
        builder = datasets.load_dataset_builder(**place)
        place |= _as_written(builder, FEATURES)
        files = builder.config.data_files or {}
        _refuse_odd_rows(files)
        splits = datasets.load_dataset(**place, keep_in_memory=True)
        for rows in splits.values():
            rows.data.validate(full=True)
        inferred = [rows.features.get(column) for rows in splits.values() for column in FEATURES if column != "seen"]
        if all(feature in (None, datasets.Value("string")) for feature in inferred):
            return splits
        # One type was inferred for all splits, from the first: where that is of numbers, `007` of another is 7.
        return datasets.DatasetDict({split: _read_alone(place, split, files[split]) for split in splits})
    except Unreadable:
        raise
    except Exception as error:  # somebody else's files can be wrong in any way
        fault = next(_faults_of_files(place, files), None) or _cause(error)
        raise Unreadable(f"{fault.replace(place['path'], path)}.") from error


def read_rows(source: str, name: str | None, split: str, cache: str, columns: Iterable[str]) -> datasets.Dataset:
    """The rows of a file, of a folder or of a dataset on the Hub, in memory.

    Args:
        source: A file whose name ends as one of `FORMATS`, a folder, or an id on the Hub.
        name: A named config of a folder or dataset.
        split: Which rows of it; a file has `train` alone.
        cache: An empty folder.
        columns: Those of CSV in a folder or dataset whose cells are to stay as they are written. Of a CSV file, all.

    Raises:
        `Unreadable`: if there is no such data, or it cannot be read.
    """
    is_file = os.path.splitext(source)[1] in FORMATS or os.path.isfile(source)
    if is_file and name is not None:
        raise Unreadable(f"it is a file, which has no config {name!r}: leave out the name.")
    place = _place_of_file(source, cache) if is_file else _place(source, name, cache)
    files: dict[str, list[str]] = {}
    try:
        builder = datasets.load_dataset_builder(**place)
        files = builder.config.data_files or {}
        if is_file and place["path"] == "csv":
            # Without a header, or pandas would take a first column without a name for that of labels, without a word.
            head = pd.read_csv(files["train"][0], sep=builder.config.sep, header=None, nrows=2, dtype=str)
            columns = head.iloc[0]
        place |= _as_written(builder, columns)
        _refuse_odd_rows({"train": [source]} if is_file else files)
        rows = datasets.load_dataset(**place, split=split, keep_in_memory=True)
        rows.data.validate(full=True)
        return rows
    except Unreadable:
        raise
    except Exception as error:  # somebody else's files can be wrong in any way
        fault = (None if is_file else next(_faults_of_files(place, files), None)) or _cause(error)
        raise Unreadable(f"{fault.replace(str(files and place['path']), source)}.") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, and no log of what is refused in a line of ours."""
    shown, verbosity = not datasets.utils.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        if shown:
            datasets.enable_progress_bars()


def _place(path: str, name: str | None, cache: str) -> dict[str, Any]:
    """What `load_dataset` is to be given for a folder, or a dataset on the Hub."""
    if is_folder(path):
        _check_number_of_files(path)
        # `datasets` does not notice changed data files in a local folder with a card, unless its cache is empty.
        return {"path": _plain_address(path, cache), "name": name, "cache_dir": os.path.join(cache, "datasets")}
    _check_id(path)
    return {"path": path, "name": name, "cache_dir": None}


def _place_of_file(path: str, cache: str) -> dict[str, Any]:
    """The same for a file."""
    ending = os.path.splitext(path)[1]
    if not os.path.isfile(path):
        raise Unreadable("there is no such file.")
    if ending not in FORMATS:
        raise Unreadable(f"it is none of the files that are read, which end in {', '.join(FORMATS)}.")
    if not os.path.getsize(path):
        raise Unreadable("it is empty.")
    if ending != ".parquet":
        _check_encoding(path)
    # Under a name of our own: `datasets` takes the user's for a pattern.
    file = shutil.copy(path, os.path.join(cache, f"rows{ending}"))
    return {**FORMATS[ending], "data_files": {"train": [file]}, "cache_dir": os.path.join(cache, "datasets")}


def _check_encoding(path: str) -> None:
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Unreadable(f"it has more than the {MOST_BYTES:,} bytes that are read of a file of text.")
    try:
        content.decode()
        place = content.find(b"\0")
    except UnicodeDecodeError as error:
        place = error.start
    if place >= 0:
        is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[place] == 0
        given, shown = "UTF-16" if is_wide else "WINDOWS-1252", shlex.quote(path)
        line = content.count(b"\n", 0, place) + 1
        raise Unreadable(
            f"it is not UTF-8: line {line} has the byte 0x{content[place]:02x} (byte "
            f"{place + 1:,} of the file). If it is {given}, `iconv -f {given} -t UTF-8 {shown} > NEW` makes it UTF-8."
        )


def _refuse_odd_rows(files: dict[str, list[str]]) -> None:
    """Refuses rows that are no mappings: `null` and `NaN` end the process in pyarrow's reader, uncaught."""
    for file in (file for split in files.values() for file in split):
        if not file.endswith((".json", ".jsonl")) or not os.path.isfile(file):
            continue
        with open(file, "rb") as lines:
            for number, line in enumerate(lines, 1):
                row = line.removeprefix(b"\xef\xbb\xbf").strip()
                if number == 1 and file.endswith(".json") and (row[:1] == b"[" or row[-1:] != b"}"):
                    break  # one document over many lines
                if row and row[:1] != b"{":
                    shown = row[:20].decode(errors="replace")
                    raise Unreadable(f"{file}: line {number} is `{shown}`, where a row is a mapping.")


def _check_number_of_files(path: str) -> None:
    number = 0
    for _, folders, files in os.walk(os.path.expanduser(path)):
        number += len(folders) + len(files)
        if number > MOST_FILES:
            raise Unreadable(f"there are more than {MOST_FILES:,} files in it: name the task's own folder.")


def _check_id(path: str) -> None:
    if os.path.isfile(os.path.expanduser(path)):
        raise Unreadable("it is a file, where a task is a folder; `hf-capacity prepare` makes one of it.")
    try:
        validate_repo_id(path)
    except HFValidationError:
        path = ""
    if "/" not in path:  # `datasets` takes a plain name for that of a format, such as csv, and reads what lies around
        raise Unreadable("there is no such folder, and it is no `owner/name` on the Hub.")


def _plain_address(path: str, cache: str) -> str:
    folder = os.path.realpath(os.path.expanduser(path))
    if glob.escape(folder) == folder:
        return folder
    # `datasets` takes it for a pattern: of a?b it would read the files of acb too.
    return shutil.copytree(folder, os.path.join(cache, "task"))


def _as_written(builder: datasets.DatasetBuilder, columns: Iterable[str]) -> dict[str, Any]:
    """For CSV, whose cells have no type: that none is guessed, so that `007` and `NA` stay what they are."""
    if not hasattr(builder.config, "converters"):
        return {}
    return {"converters": dict.fromkeys(columns, str), "keep_default_na": False}


def _read_alone(place: dict[str, Any], split: str, files: Sequence[str]) -> datasets.Dataset:
    with TemporaryDirectory() as cache:
        builder = datasets.load_dataset_builder(**{**place, "cache_dir": cache})
        builder.config.data_files = {split: files}
        builder.download_and_prepare()
        rows = builder.as_dataset(split, in_memory=True)
    rows.data.validate(full=True)
    return rows


def _faults_of_files(place: dict[str, Any], files: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong with which file: each is read by itself, which takes its time but happens only after a failure."""
    first, expected = None, None
    for split, file in ((split, file) for split, several in files.items() for file in several):
        if os.path.isfile(file) and not os.path.getsize(file):
            yield f"its file {file} is empty"
            continue
        try:
            columns = _read_alone(place, split, [file]).column_names
        except Exception as error:  # as above: in any way
            yield f"its file {file} cannot be read: {_cause(error)}"
            continue
        first, expected = first or file, expected or columns
        odd = sorted(set(columns) ^ set(expected))
        if odd:
            yield f"only one of its files {first} and {file} has the columns {listed(odd)}: give both the same ones"


def _cause(error: BaseException) -> str:
    """The first cause, in a line: `datasets` wraps it into "An error occurred while generating the dataset"."""
    root = error
    while root.__cause__:
        root = root.__cause__
    said = " ".join(str(root).split())
    if any(isinstance(link, UnicodeDecodeError) for link in (root, root.__context__)) or "UTF8" in said:
        return "it is not UTF-8"
    if "corresponds to no data" in said:
        return "it has no rows"
    if isinstance(root, yaml.YAMLError):
        return f"the head of its card is not valid YAML: {said}"
    said = said.partition(" with any supported extension")[0][:MOST_OF_A_CAUSE].rstrip(".! ")
    if isinstance(root, (ValueError, OSError, EOFError, RuntimeError, datasets.exceptions.DatasetsError)) and said:
        return said
    return f"its card or its files are not what `datasets` expects ({type(root).__name__}: {said})"
