"""The one door to a study's records and learning curves, whether its runs lie in folders or are kept without models.

A kept study is a small data set, the same under `model_cards/` and on the Hub:

    study.yaml        what the study asks
    runs.jsonl        a record per line, just as it was written
    curves.parquet    a row per evaluation
    runs.parquet      the records as a flat table for `load_dataset`; not read here
    README.md         its card, with the two tables as the configs `runs` and `curves`
    report.md, *.png  its report
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..boundary.reading import quote, read_bytes, read_json_lines
from ..boundary.writing import Damaged
from ..config.experiment import PROTOCOL_VERSION
from .curve_table import read_curves, unpack, write_curves
from .records import check_curve, check_record, is_of_this_protocol, read_curve, read_records
from .schema import KEPT_CURVES, KEPT_RECORDS


AGAIN = "Get the kept study again, or name the folder of its runs."


def load_records(folder: Path) -> list[dict[str, Any]]:
    """All finished runs of a study, each with the `folder` in which it lies: its own, or that of the kept study.

    Args:
        folder: The study's folder, such as `runs/quick` or `model_cards/quick`.

    Raises:
        Damaged: A record cannot be read, has changed since it was written, is there twice, or comes of another
            protocol than its neighbours.
    """
    folder = Path(folder)
    path = folder / KEPT_RECORDS
    if not path.exists():
        return read_records(folder)
    if any(folder.glob("*/record.json")):
        raise Damaged(f"{folder} has both {KEPT_RECORDS} and folders of runs: move one of them away.")
    try:
        contents = read_json_lines(path)
    except ValueError as fault:
        raise Damaged(f"{fault} {AGAIN}") from None
    records: dict[str, dict[str, Any]] = {}
    for number, content in enumerate(contents, 1):
        try:
            record = check_record(content, f"line {number} of {path}")
        except Damaged as damage:
            raise Damaged(f"{damage} {AGAIN}") from None
        run_id = record["run_id"]
        if run_id in records:
            raise Damaged(f"line {number} of {path} has run {run_id} a second time. {AGAIN}")
        records[run_id] = record | {"folder": folder}
    foreign = [run_id for run_id, record in records.items() if not is_of_this_protocol(record)]
    if 0 < len(foreign) < len(records):
        raise Damaged(f"{path}: {foreign[0]} is not of protocol {PROTOCOL_VERSION} like others in the file. {AGAIN}")
    return list(records.values())


def load_curves(folder: Path, records: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The learning curve of each run of a study, by run id.

    A kept curve is restored as it was written, and compared with the digest of that file in its record.

    Args:
        folder: The study's folder.
        records: All its records, as `load_records` gives them.

    Raises:
        Damaged: A curve is missing, cannot be read, is no run's, or is not the one that its record vouches for.
    """
    folder = Path(folder)
    if not (folder / KEPT_RECORDS).exists():
        return {record["run_id"]: read_curve(record["folder"]) for record in records}
    path = folder / KEPT_CURVES
    try:
        curves = _unpack_all(read_bytes(path), records)
    except FileNotFoundError:
        raise Damaged(f"{path} is missing. {AGAIN}") from None
    except ValueError as fault:
        raise Damaged(f"{path} {str(fault).removeprefix(f'{path} ').rstrip('.')}. {AGAIN}") from None
    for record in records:
        run_id = record["run_id"]
        written = "".join(json.dumps(row) + "\n" for row in curves[run_id]).encode()
        check_curve(curves[run_id], written, record, f"The curve of {run_id} in {path}")
    return curves


def pack_study(records: Sequence[dict[str, Any]], curves: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    """The runs of a study as the files that keep them, by name.

    Args:
        records: Its records, without `folder`.
        curves: The rows of their learning curves, by run id.

    Raises:
        ValueError: A curve has what the table has no column for.
    """
    table = write_curves(curves)
    if json.dumps(_unpack_all(table, records)) != json.dumps(curves):
        raise ValueError(
            "a learning curve has keys or values that no evaluation has, and would not come back from a table."
        )
    lines = "".join(json.dumps(record) + "\n" for record in records)
    return {KEPT_RECORDS: lines.encode(), KEPT_CURVES: table}


def _unpack_all(content: bytes, records: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The learning curves of a Parquet file's content, by run id."""
    runs = {record["run_id"]: record for record in records}
    curves: dict[str, list[dict[str, Any]]] = {run_id: [] for run_id in runs}
    for run_id, packed in read_curves(content):
        if run_id not in runs:
            raise ValueError(f"has rows of run {quote(run_id)}, which is not in {KEPT_RECORDS}")
        curves[run_id].append(unpack(packed, runs[run_id]))
    without = [run_id for run_id, rows in curves.items() if not rows]
    if without:
        raise ValueError(f"has no row for run {without[0]}")
    return curves
