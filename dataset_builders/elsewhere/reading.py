"""Tasks that are not ours: a folder, or a dataset on the Hub, read as it is; a file that cannot be read is named."""

import glob
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import yaml
from huggingface_hub.utils import HFValidationError, validate_repo_id

from dataset_builders.building import FEATURES, listed


# `datasets` looks at each, for minutes where somebody names a folder that holds far more than a task.
MOST_FILES = 10_000
# Of what a library says of a file.
MOST_OF_A_CAUSE = 300


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
    if is_folder(path):
        _check_number_of_files(path)
        # `datasets` does not notice changed data files in a local folder with a card, unless its cache is empty.
        place = {"path": _plain_address(path, cache), "name": name, "cache_dir": os.path.join(cache, "datasets")}
    else:
        _check_id(path)
        place = {"path": path, "name": name, "cache_dir": None}
    files: dict[str, list[str]] = {}
    try:
        builder = datasets.load_dataset_builder(**place)
        place |= _as_written(builder)
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
        raise Unreadable("it is a file, where a task is a folder.")
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


def _as_written(builder: datasets.DatasetBuilder) -> dict[str, Any]:
    """For CSV, whose cells have no type: that none is guessed, so that `007` and `NA` stay what they are."""
    if not hasattr(builder.config, "converters"):
        return {}
    return {"converters": dict.fromkeys(FEATURES, str), "keep_default_na": False}


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
