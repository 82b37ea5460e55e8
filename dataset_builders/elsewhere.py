"""Tasks that are not ours: a folder, or a dataset on the Hub, read as it is; a file that cannot be read is named."""

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import datasets
from huggingface_hub.utils import HFValidationError, validate_repo_id

from dataset_builders.dials import listed, shortened
from dataset_builders.questions import FEATURES


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
        `ValueError`: if there is no such task, or a file of it cannot be read.
    """
    if not is_folder(path):
        _check_id(path)
    # `datasets` does not notice changed data files in a local folder with a card, unless its cache is empty.
    place = {"path": _address(path), "name": name, "cache_dir": cache if is_folder(path) else None}
    try:
        builder = datasets.load_dataset_builder(**place)
        place |= _as_written(builder)
        splits = datasets.load_dataset(**place, keep_in_memory=True)
        inferred = [rows.features.get(column) for rows in splits.values() for column in FEATURES if column != "seen"]
        if all(feature in (None, datasets.Value("string")) for feature in inferred):
            return splits
        # One type was inferred for all splits, from the first: where that is of numbers, `007` of another is 7.
        return datasets.DatasetDict(
            {split: rows for split in splits for rows in [_read_alone(place, split, builder.config.data_files[split])]}
        )
    except Exception as error:  # somebody else's files can be wrong in any way
        raise ValueError(_explained(path, place, error)) from error


def _check_id(path: str) -> None:
    what = "a file, and a task is a folder" if os.path.isfile(os.path.expanduser(path)) else "no folder here"
    try:
        validate_repo_id(path)
        # `datasets` takes a plain name for that of a format, such as csv, and reads what lies around.
        if "/" in path and not what.startswith("a file"):
            return
    except HFValidationError:
        pass
    raise ValueError(f"Could not load the task {shortened(path)}: it is {what}, and no `owner/name` on the Hub.")


def _address(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if is_folder(path) else path


def _as_written(builder: datasets.DatasetBuilder) -> dict[str, Any]:
    """For CSV, whose cells have no type: that none is guessed, so that `007` and `NA` stay what they are."""
    return {"converters": dict.fromkeys(FEATURES, str)} if hasattr(builder.config, "converters") else {}


def _read_alone(place: dict[str, Any], split: str, files: list[str]) -> datasets.Dataset:
    with TemporaryDirectory() as cache:
        builder = datasets.load_dataset_builder(**{**place, "cache_dir": cache})
        builder.config.data_files = {split: files}
        builder.download_and_prepare()
        return builder.as_dataset(split, in_memory=True)


def _explained(path: str, place: dict[str, Any], error: Exception) -> str:
    fault = next(_faults_of_files(place), None) or f"{_cause(error)}."
    return f"Could not load the task {shortened(path)}: {fault}"


def _faults_of_files(place: dict[str, Any]) -> Iterator[str]:
    """What is wrong with which file: each is read by itself, which takes its time but happens only after a failure."""
    try:
        files = datasets.load_dataset_builder(**place).config.data_files
    except Exception:  # it is not the files that cannot be read; the caller has the cause
        return
    first, expected = None, None
    for split, file in ((split, file) for split, several in (files or {}).items() for file in several):
        if os.path.isfile(file) and not os.path.getsize(file):
            yield f"its file {file} is empty."
            continue
        try:
            columns = _read_alone(place, split, [file]).column_names
        except Exception as error:  # as above: in any way
            yield f"its file {file} cannot be read: {_cause(error)}."
            continue
        first, expected = first or file, expected or columns
        odd = sorted(set(columns) ^ set(expected))
        if odd:
            yield f"only one of its files {first} and {file} has the columns {listed(odd)}: give both the same ones."


def _cause(error: BaseException) -> str:
    """The first cause, in a line: `datasets` wraps it into "An error occurred while generating the dataset"."""
    chain = [error]
    while chain[-1].__cause__ or (chain[-1].__context__ and not chain[-1].__suppress_context__):
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    if any(isinstance(link, UnicodeDecodeError) for link in chain):
        return "it is not UTF-8"
    root = error
    while root.__cause__:
        root = root.__cause__
    return " ".join(str(root).split()).rstrip(".")[:300] or type(root).__name__
