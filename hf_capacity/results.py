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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .config import PROTOCOL_VERSION, ExperimentConfig


if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 1
# What of a record is there whenever the version is right.
PARTS = {"run_id": str, "config": dict, "last": dict, "files": dict}

# Where a record has two numbers in a list, and what a table calls them.
TALLY, ENDS = ("correct", "questions"), ("low", "high")
PAIRS = {"late_evaluations_solved": ("solved", "evaluations")} | {
    f"{evaluation}.{name}": pair
    for evaluation in ("last", "best_on_withheld")
    for name, pair in {
        "counts": TALLY,
        "kinds": TALLY,
        "published_scoring": TALLY,
        "intervals_over_questions_of_one_model": ENDS,
    }.items()
}


class Damaged(ValueError):
    """A file is not what was written: cut short, changed or of another version."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing.

    Raises:
        OSError: It cannot be written, for want of space, say; what was there before is still there.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        error.filename = str(path)  # the system names no file where a disk is full
        raise


def sha256(path: Path) -> str:
    """Digest of a file's bytes, short enough for a record to hold several."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_record(run_folder: Path) -> dict[str, Any]:
    """Reads a run's record.

    Raises:
        Damaged: It is not JSON, or not a record of this version.
    """
    path = Path(run_folder) / "record.json"
    try:
        record = json.loads(path.read_bytes())
    except ValueError:
        raise Damaged(f"{path} is not readable as JSON.") from None
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION:
        raise Damaged(f"{path} is no record of schema version {SCHEMA_VERSION} (it has {version}).")
    missing = [part for part, kind in PARTS.items() if not isinstance(record.get(part), kind)]
    if missing:
        raise Damaged(f"{path} has no readable {', '.join(missing)}.")
    return record


def read_records(folder: Path) -> list[dict[str, Any]]:
    """All finished runs of a study's folder, sorted by run id, each with its `folder`.

    What has no `record.json` is passed over; nothing that has one is.

    Raises:
        Damaged: A record cannot be read, lies in a folder that is not its run's (it would count twice), or comes of
            another protocol than its neighbours.
    """
    records, faults, foreign = [], [], []
    for path in sorted(Path(folder).glob("*/record.json"), key=str):
        run = path.parent
        try:
            record = read_record(run)
            if record["run_id"] != run.name:
                raise Damaged(f"{path} belongs to run {record['run_id']}, and would count for two.")
        except Damaged as damage:
            faults.append(f"{damage} Move its folder away, or let `hf-capacity run` do the run again.")
            continue
        records.append(record | {"folder": run})
        if not _is_of_this_protocol(record):
            foreign.append(path)
    # A study of an earlier protocol can still be read, by itself.
    if len(foreign) < len(records):
        faults += [
            f"{path} is not of protocol {PROTOCOL_VERSION} like others here, or was changed. Move its folder away."
            for path in foreign
        ]
    if faults:
        raise Damaged(faults[0] + (f" And {len(faults) - 1} more." if len(faults) > 1 else ""))
    return records


def _is_of_this_protocol(record: dict[str, Any]) -> bool:
    try:
        return ExperimentConfig.from_dict(record["config"]).run_id == record["run_id"]
    except ValueError:
        return False


def read_unfinished(folder: Path) -> dict[str, str | None]:
    """The runs of a study's folder that have no record, sorted by run id, each with the cause if it failed."""
    unfinished = {}
    for run in sorted(path for path in Path(folder).iterdir() if not (path / "record.json").exists()):
        if (run / "failure.json").exists():
            try:
                cause = json.loads((run / "failure.json").read_bytes())["cause"]
            except (ValueError, TypeError, KeyError):
                cause = "failure.json does not say why"
            unfinished[run.name] = " ".join(str(cause).split())
        elif (run / "config.yaml").exists():
            unfinished[run.name] = None
    return unfinished


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
    """All finished runs of a study's folder as a table that CSV and Parquet can hold too.

    A row a run. The columns are the keys of `record.json` but `files`, nested ones joined by dots, and `folder`:
    `run_id`, `study`, `config.model.n_embd`, `config.model_seed`, `num_parameters`, `last.loss`, `last.fit`,
    `best_on_withheld.step`, `provenance.seconds` and so on. A pair of numbers is two columns: `.correct` and
    `.questions` of counts, `.low` and `.high` of intervals, `late_evaluations_solved.solved` and `.evaluations`.
    Any other list is JSON text (`config.keep_checkpoints`), a value that a run has not is missing. Records alone are
    read: whether the files beside them are whole is seen by `hf-capacity run`.

    Args:
        folder: The study's folder, such as `runs/quick`.

    Returns:
        The table, sorted by run id.

    Raises:
        ValueError: There is no finished run in the folder, or a record is damaged.
    """
    import pandas

    records = read_records(Path(folder))
    if not records:
        raise ValueError(f"{folder} has no finished run: train some with `hf-capacity run STUDY --output {folder}`.")
    rows = [_cells(record | {"files": {}, "folder": str(record["folder"])}) for record in records]
    names = dict.fromkeys(name for row in rows for name in row)
    return pandas.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})


def _cells(content: dict[str, Any], prefix: str = "", pair: Sequence[str] = ()) -> dict[str, Any]:
    """A table's row, names to values; `pair` names the two numbers of the lists that lie in `content`."""
    row = {}
    for key, value in content.items():
        name = prefix + key
        ends = PAIRS.get(name, pair)
        if isinstance(value, dict):
            row |= _cells(value, f"{name}.", ends)
        elif ends and (value is None or isinstance(value, list)):
            row |= zip((f"{name}.{end}" for end in ends), value or (None, None), strict=True)
        else:
            row[name] = json.dumps(value) if isinstance(value, list) else value
    return row


def _column(values: list[Any]) -> "pandas.Series":
    """A column of one type: where runs have values of several, each is told as JSON."""
    import pandas

    types = {type(value) for value in values}
    has_gaps = type(None) in types
    types.discard(type(None))
    if types == {int}:
        return pandas.Series(values, dtype="Int64" if has_gaps else "int64")
    if types == {bool}:
        return pandas.Series(values, dtype="boolean" if has_gaps else "bool")
    if types in ({float}, {int, float}):
        return pandas.Series(values, dtype="float64")
    if len(types) > 1:
        values = [None if value is None else json.dumps(value) for value in values]
    return pandas.Series(values)


def export_results(table: "pandas.DataFrame", path: Path) -> None:
    """Writes a table as `load_dataset("csv", ...)` or `load_dataset("parquet", ...)` reads it.

    Args:
        table: As `load_results` gives it.
        path: The file; its ending says which of the two.

    Raises:
        ValueError: The ending is neither `.csv` nor `.parquet`.
    """
    if path.suffix == ".csv":
        write_atomically(path, table.to_csv(index=False))
    elif path.suffix == ".parquet":
        write_atomically(path, table.to_parquet(index=False))
    else:
        raise ValueError(f"`--output` (={path}) must end in .csv or .parquet.")


def claim_folder(output: Path, study: str, description: str = "") -> None:
    """Makes `output` the folder of `study`; `description` is what its report will say that it asks.

    Raises:
        ValueError: It is another study's or an earlier protocol's, or holds something else.
    """
    claim = Path(output) / "study.yaml"
    check_folder(output, study)
    if not claim.exists():
        claim.parent.mkdir(parents=True, exist_ok=True)
        content = {"study": study, "protocol": PROTOCOL_VERSION, "description": description}
        write_atomically(claim, yaml.safe_dump(content, sort_keys=False, width=120))


def read_description(folder: Path) -> str:
    """What a study's folder says that the study asks; nothing if it does not say."""
    try:
        return str(yaml.safe_load((Path(folder) / "study.yaml").read_text()).get("description") or "").strip()
    except (OSError, yaml.YAMLError, UnicodeDecodeError, AttributeError):
        return ""


def check_folder(output: Path, study: str) -> None:
    """Sees whether `output` is free for `study`, and writes nothing.

    Raises:
        ValueError: It is another study's or an earlier protocol's, or holds something else.
    """
    output = Path(output)
    claim = output / "study.yaml"
    if output.exists() and not output.is_dir():
        raise ValueError(f"`--output` (={output}) is a file: name a folder.")
    if claim.exists():
        try:
            content = yaml.safe_load(claim.read_text())
            owner, protocol = content["study"], content.get("protocol", PROTOCOL_VERSION)
        except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
            raise Damaged(f"{claim} does not say whose folder this is: name another folder, or mend it.") from None
        if owner != study:
            raise ValueError(
                f"`--output` (={output}) belongs to study {owner!r}, not to {study!r}: name another folder."
            )
        if protocol != PROTOCOL_VERSION:
            raise ValueError(
                f"`--output` (={output}) holds runs of protocol {protocol}, and these are of protocol "
                f"{PROTOCOL_VERSION}: name another folder."
            )
    elif output.exists() and any(output.iterdir()):
        raise ValueError(f"`--output` (={output}) holds something else than a study: name an empty or new folder.")
