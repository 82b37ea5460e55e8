"""What lies in a study's folder, and how it is read.

A run is a folder:

    config.yaml            the resolved config
    learning_curve.jsonl   a row an evaluation
    sessions.jsonl         a row each time that somebody worked on it
    checkpoint-STEP/       to resume from; gone when the run is done
    step-STEP/             weights kept along the way
    config.json, model.safetensors, tokenizer*.json, task.json     the model, and what it has seen
    record.json            the result, written last: a run that has it is done
    failure.json           instead of it: why the run failed
"""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml


if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 1


class Damaged(ValueError):
    """A file is not what was written: cut short, changed or of another version."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing."""
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def sha256(path: Path) -> str:
    """Digest of a file's bytes, short enough for a record to hold several."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def read_record(run_folder: Path) -> dict[str, Any]:
    """Reads a run's record.

    Raises:
        Damaged: It is not JSON, or not a record of this version.
    """
    path = Path(run_folder) / "record.json"
    try:
        record = json.loads(path.read_text())
    except ValueError:
        raise Damaged(f"{path} is not readable as JSON.") from None
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION or not {"run_id", "config", "last", "files"} <= set(record):
        raise Damaged(f"{path} is no record of schema version {SCHEMA_VERSION} (it has {version}).")
    return record


def read_records(folder: Path) -> list[dict[str, Any]]:
    """All finished runs of a study's folder, sorted by run id, each with its `folder`.

    Raises:
        Damaged: A record cannot be read.
    """
    paths = sorted(Path(folder).glob("*/record.json"))
    return [read_record(path.parent) | {"folder": path.parent} for path in paths]


def read_curve(run_folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's learning curve; a last row that a crash cut short is left out.

    Raises:
        Damaged: The file is missing, or another row cannot be read.
    """
    path = Path(run_folder) / "learning_curve.jsonl"
    if not path.exists():
        raise Damaged(f"{path} is missing.")
    try:
        *lines, _unfinished = path.read_text().split("\n")
        return [json.loads(line) for line in lines]
    except ValueError:
        raise Damaged(f"{path} has a row that is not readable as JSON.") from None


def load_results(folder: str | Path) -> "pandas.DataFrame":
    """All finished runs of a study's folder as a table: a row a run, nested keys joined by dots (`last.fit`).

    Raises:
        ValueError: There is no finished run in the folder, or a record is damaged.
    """
    import pandas

    records = read_records(Path(folder))
    if not records:
        raise ValueError(f"{folder} has no finished run: train some with `hf-capacity run STUDY --output {folder}`.")
    return pandas.json_normalize(records)


def claim_folder(output: Path, study: str) -> None:
    """Makes `output` the folder of `study`.

    Raises:
        ValueError: It is another study's, or holds something else.
    """
    claim = Path(output) / "study.yaml"
    check_folder(output, study)
    if not claim.exists():
        claim.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(claim, yaml.safe_dump({"study": study}))


def check_folder(output: Path, study: str) -> None:
    """Sees whether `output` is free for `study`, and writes nothing.

    Raises:
        ValueError: It is another study's, or holds something else.
    """
    output = Path(output)
    claim = output / "study.yaml"
    if output.exists() and not output.is_dir():
        raise ValueError(f"`--output` (={output}) is a file: name a folder.")
    if claim.exists():
        try:
            owner = yaml.safe_load(claim.read_text())["study"]
        except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
            raise Damaged(f"{claim} does not say whose folder this is: name another folder, or mend it.") from None
        if owner != study:
            raise ValueError(
                f"`--output` (={output}) belongs to study {owner!r}, not to {study!r}: name another folder."
            )
    elif output.exists() and any(output.iterdir()):
        raise ValueError(f"`--output` (={output}) holds something else than a study: name an empty or new folder.")
