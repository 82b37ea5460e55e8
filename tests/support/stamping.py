"""Records as they are written today: with a digest of their own, whatever they were changed to."""

from hf_capacity.runs.schema import SCHEMA_VERSION, with_digest


def stamped(record):
    """A record, digested again; one that was read keeps its folder."""
    written = {key: value for key, value in record.items() if key != "folder"} | {"schema_version": SCHEMA_VERSION}
    return with_digest(written) | {key: record[key] for key in record if key == "folder"}
