"""How a study's folder keeps what its runs are to test, and knows which of it was stated only when there were results.

Beside the hypotheses, `study.yaml` keeps of each when it was stated, how many finished runs the folder had then, and a
digest of all that. A hypothesis whose entry is missing, or does not fit it, counts as post hoc: a slip never makes one
look better. What was stated beforehand, and is dropped or changed once runs are finished, is kept as withdrawn; stated
again just as it was, it is what it was.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from ..config.hypotheses import Hypothesis


def restate(
    content: dict[str, Any], question: str, hypotheses: tuple[Hypothesis, ...], num_finished: int
) -> dict[str, Any]:
    """The content of `study.yaml` with these hypotheses in place of those that it has.

    Args:
        content: Of the file.
        question: Which the hypotheses are to answer.
        hypotheses: All of the study's.
        num_finished: The finished runs in the folder.
    """
    old, stated = mapping_of(content, "hypotheses"), mapping_of(content, "stated")
    withdrawn = {name: entry for name, entry in mapping_of(content, "withdrawn").items() if isinstance(entry, dict)}
    new = {one.name: one.to_dict() for one in hypotheses}
    if num_finished:
        gone = {
            name: {"hypothesis": old[name], "stated": stated[name]}
            for name in old
            if old[name] != new.get(name) and is_from_before(name, old[name], stated.get(name))
        }
        withdrawn = gone | withdrawn
    again = {
        name: withdrawn[name].get("stated")
        for name in new
        if name in withdrawn and withdrawn[name].get("hypothesis") == new[name]
    }
    entries = {
        name: next(
            (entry for entry in (stated.get(name), again.get(name)) if _fits(name, hypothesis, entry)),
            _state(name, hypothesis, num_finished),
        )
        for name, hypothesis in new.items()
    }
    withdrawn = {name: entry for name, entry in withdrawn.items() if name not in again}
    kept = {
        key: value for key, value in content.items() if key not in ("question", "hypotheses", "stated", "withdrawn")
    }
    found = {"question": question, "hypotheses": new, "stated": entries, "withdrawn": withdrawn}
    return kept | {key: value for key, value in found.items() if value}


def is_from_before(name: str, hypothesis: dict[str, Any], entry: Any) -> bool:
    """Whether a hypothesis was stated, just as it is, before any run was finished.

    Args:
        name: What the study calls it.
        hypothesis: As `study.yaml` has it.
        entry: What `study.yaml` keeps of it under `stated`, if anything.
    """
    return _fits(name, hypothesis, entry) and entry["finished_runs"] == 0


def mapping_of(content: dict[str, Any], key: str) -> dict[str, Any]:
    """A mapping in the content of `study.yaml`; empty if there is none."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _state(name: str, hypothesis: dict[str, Any], num_finished: int) -> dict[str, Any]:
    entry = {"finished_runs": num_finished, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    return entry | {"digest": _digest(name, hypothesis, entry)}


def _digest(name: str, hypothesis: dict[str, Any], entry: dict[str, Any]) -> str:
    identity = [name, hypothesis, entry.get("finished_runs"), entry.get("at")]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _fits(name: str, hypothesis: dict[str, Any], entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("digest") == _digest(name, hypothesis, entry)
