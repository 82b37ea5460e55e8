"""Records as they are written today: with a digest of their own, whatever they were changed to."""

import json

from hf_capacity.runs.records import record_text
from hf_capacity.runs.schema import SCHEMA_VERSION, with_digest


def stamped(record):
    """A record, digested again; one that was read keeps its folder."""
    written = {key: value for key, value in record.items() if key != "folder"} | {"schema_version": SCHEMA_VERSION}
    return with_digest(written) | {key: record[key] for key in record if key == "folder"}


def stamp(study):
    """Digests every record of a study's folder again. Gives the folder."""
    for path in study.glob("*/record.json"):
        path.write_text(record_text(stamped(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    return study
