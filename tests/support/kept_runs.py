"""Kept studies as they were before they were kept: a folder a run."""

import json

import yaml

from hf_capacity.runs.kept import load_curves, load_records
from hf_capacity.runs.records import record_text


def as_folders(kept, output):
    """Writes the runs of a kept study as folders into `output`. Gives it."""
    records = load_records(kept)
    for run_id, curve in load_curves(kept, records).items():
        [record] = [record for record in records if record["run_id"] == run_id]
        as_folder(record, curve, output / run_id)
    (output / "study.yaml").write_bytes((kept / "study.yaml").read_bytes())
    return output


def kept_run(kept, beginning):
    """The record of the run whose id begins so, as it was written, and its other files' bytes by their names."""
    records = load_records(kept)
    [record] = [record for record in records if record["run_id"].startswith(beginning)]
    curve = load_curves(kept, records)[record["run_id"]]
    return without_folder(record), {"config.yaml": config_text(record), "learning_curve.jsonl": curve_text(curve)}


def as_folder(record, curve, folder):
    """Writes one run: its record, curve and config, byte for byte as it left them. Gives its folder."""
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(record_text(without_folder(record)), encoding="utf-8")
    (folder / "learning_curve.jsonl").write_bytes(curve_text(curve))
    (folder / "config.yaml").write_bytes(config_text(record))
    return folder


def without_folder(record):
    """A record as it was written: without where it lies."""
    return {key: value for key, value in record.items() if key != "folder"}


def curve_text(curve):
    """The bytes of a learning curve's file."""
    return "".join(json.dumps(row) + "\n" for row in curve).encode()


def config_text(record):
    """The bytes of a run's `config.yaml`."""
    return yaml.safe_dump(record["config"], sort_keys=False, allow_unicode=True).encode()
