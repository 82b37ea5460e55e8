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

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..boundary.reading import quote, read_bytes, read_json
from ..boundary.shown import hide_secrets
from ..boundary.writing import Damaged, short_digest
from ..config.experiment import PROTOCOL_VERSION, ExperimentConfig, config_digest
from .schema import CURVE, FIRST_VERSION, SCHEMA_VERSION, content_digest, record_fault, row_fault


def read_record(run_folder: Path) -> dict[str, Any]:
    """Reads a run's record, as it was written and with all that anybody needs of it.

    Raises:
        Damaged: It is not JSON, not a record of a version that is known, something is missing or cannot be, or
            has changed since it was written.
    """
    path = Path(run_folder) / "record.json"
    try:
        record = read_json(path)
    except ValueError as fault:
        raise Damaged(str(fault)) from None
    return check_record(record, str(path))


def check_record(record: Any, name: str) -> dict[str, Any]:
    """The record, if it is one and as it was written; `name` is what messages call it.

    Raises:
        Damaged: As in `read_record`.
    """
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version not in (FIRST_VERSION, SCHEMA_VERSION):
        raise Damaged(
            f"{name} is no record of schema version {FIRST_VERSION} or {SCHEMA_VERSION} (it has {quote(version)})."
        )
    if (version == SCHEMA_VERSION or "digest" in record) and record.get("digest") != content_digest(record):
        raise Damaged(f"{name} is not as it was written: its digest is not that of its content.")
    fault = record_fault(record)
    if fault:
        raise Damaged(f"{name} is no sound record: {fault}.")
    return record


def is_vouched_for(record: dict[str, Any]) -> bool:
    """Whether a record holds a digest of its own; those of runs that were made before there were any do not."""
    return "digest" in record


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
        if not is_of_this_protocol(record):
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


def is_of_this_protocol(record: dict[str, Any]) -> bool:
    """Whether a record's run id is what this version would give to its config."""
    if record["run_id"].endswith(config_digest(record["config"])):  # as all are, but where it was written otherwise
        return True
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
        cause = read_json(path)["cause"]
    except (ValueError, TypeError, KeyError):
        cause = "failure.json does not say why"
    return hide_secrets(" ".join(str(cause).split()))


def read_curve(run_folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's learning curve; a last row that a crash cut short is left out.

    Raises:
        Damaged: The file is missing, another row cannot be read, or it is not the file that the run's record vouches
            for.
    """
    path = Path(run_folder) / CURVE
    content = _bytes_of_curve(path)
    rows = rows_of(content.split(b"\n")[:-1], path)
    if (path.parent / "record.json").exists():
        check_curve(rows, content, read_record(path.parent), str(path))
    return rows


def check_curve(rows: list[dict[str, Any]], content: bytes, record: dict[str, Any], name: str) -> None:
    """Refuses a learning curve that is not the one of its record's run; `name` is what messages call it.

    Args:
        rows: Its rows.
        content: The bytes of its file.
        record: The run's.

    Raises:
        Damaged: The record does not vouch for the file, or a row is no evaluation.
    """
    vouched = record["files"].get(CURVE)
    if vouched != short_digest(content) and (vouched or is_vouched_for(record)):
        raise Damaged(f"{name} is not the file that its record vouches for.")
    for number, row in enumerate(rows, 1):
        fault = row_fault(row)
        if fault:
            raise Damaged(f"{name} is no sound learning curve: in row {number}, {fault}.")


def _bytes_of_curve(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise Damaged(f"{path} is missing.") from None
    except ValueError as fault:
        raise Damaged(str(fault)) from None


def rows_of(lines: Sequence[bytes], path: Path) -> list[dict[str, Any]]:
    """Lines of a learning curve as its rows.

    Raises:
        Damaged: One is not an evaluation at a step, in JSON.
    """
    try:
        rows = [json.loads(line.decode()) for line in lines]
    except (ValueError, RecursionError):
        raise Damaged(f"{path} has a row that is not readable as JSON.") from None
    if not all(isinstance(row, dict) and type(row.get("step")) is int for row in rows):
        raise Damaged(f"{path} has a row without a `step`.")
    return rows
