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
from typing import Any

import yaml

from .config import PROTOCOL_VERSION, ExperimentConfig
from .reading import read_yaml
from .shown import without_secrets


SCHEMA_VERSION = 1
# What of a record is there whenever the version is right.
PARTS = {"run_id": str, "config": dict, "last": dict, "files": dict}


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


def record_text(record: dict[str, Any]) -> str:
    """A record as its file has it, one key a line with its value beside it: small, and still readable."""
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    return f"{{\n{lines}\n}}\n"


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
    runs = sorted(path for path in Path(folder).iterdir() if not (path / "record.json").exists())
    causes = {run: failure_cause(run) for run in runs}
    return {run.name: cause for run, cause in causes.items() if cause or (run / "config.yaml").exists()}


def failure_cause(run_folder: Path) -> str | None:
    """Why a run failed, in a line; None for a run that did not."""
    path = run_folder / "failure.json"
    if not path.exists():
        return None
    try:
        cause = json.loads(path.read_bytes())["cause"]
    except (ValueError, TypeError, KeyError):
        cause = "failure.json does not say why"
    return without_secrets(" ".join(str(cause).split()))


def read_curve(run_folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's learning curve; a last row that a crash cut short is left out.

    Raises:
        Damaged: The file is missing, or another row cannot be read.
    """
    path = Path(run_folder) / "learning_curve.jsonl"
    if not path.exists():
        raise Damaged(f"{path} is missing.")
    try:
        *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines]
    except ValueError:
        raise Damaged(f"{path} has a row that is not readable as JSON.") from None


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
        write_atomically(claim, yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True))


def read_description(folder: Path) -> str:
    """What a study's folder says that the study asks; nothing if it does not say."""
    try:
        return str(read_yaml(Path(folder) / "study.yaml").get("description") or "").strip()
    except (OSError, ValueError, AttributeError):
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
            content = read_yaml(claim)
            owner, protocol = content["study"], content.get("protocol", PROTOCOL_VERSION)
        except (ValueError, TypeError, KeyError):
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
