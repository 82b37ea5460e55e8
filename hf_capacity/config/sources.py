"""Finished runs from whose weights others begin: found by their folder, known by what is in it."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..boundary.reading import quote, read_json
from ..boundary.writing import sha256


WEIGHTS = "model.safetensors"
# As a record has that of a file, and a name for what it is.
DIGEST = re.compile(r"sha256:[0-9a-f]{16}")
KEPT = re.compile(r"step-[0-9]+")


@dataclass(frozen=True)
class Source:
    """The weights of a finished run, the last ones or some that it kept.

    Args:
        digest: What ids and records know them by.
        folder: Where they lie on this machine; None where only the digest is known, as from a record.
    """

    digest: str
    folder: Path | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.digest


def as_source(key: str, given: Any) -> Source:
    """What a run begins from, as a config may say it: the folder of a finished run, a `step-N` in it, or a digest.

    Args:
        key: The key of the config.
        given: Its value.

    Raises:
        ValueError: There is no such folder, it is no finished run, or its weights are not those of its record.
    """
    if isinstance(given, Source):
        return given
    named = f"`{key}` (={quote(given)})"
    if isinstance(given, str) and DIGEST.fullmatch(given):
        return Source(given)
    if not isinstance(given, str | Path) or not os.path.isdir(given):  # False where a `Path` raises
        raise ValueError(
            f"{named} must be {'random, line, or ' if key == 'embeddings.init' else ''}the folder of a finished run, "
            "such as runs/quick/RUN; where that is gone, runs that began from it go on by the digest in their "
            "config.yaml."
        )
    folder = Path(given).absolute()
    if not (folder / WEIGHTS).exists() and any(folder.glob("*.bin")):
        raise ValueError(f"{named} has no {WEIGHTS}: pickled weights are not read, for they can run code.")
    is_kept = KEPT.fullmatch(folder.name) and not (folder / "record.json").exists()
    run, name = (folder.parent, f"{folder.name}/{WEIGHTS}") if is_kept else (folder, WEIGHTS)
    if not (run / "record.json").exists():
        raise ValueError(f"{named} is no finished run: it has no record.json. `hf-capacity run` finishes it.")
    try:
        digest = sha256(folder / WEIGHTS)
        is_vouched_for = read_json(run / "record.json")["files"][name] == digest
    except (OSError, ValueError, KeyError, TypeError):
        is_vouched_for = False
    if not is_vouched_for:
        raise ValueError(f"{named} is not whole: its {WEIGHTS} is not the file that its record vouches for.")
    return Source(f"sha256:{digest}", folder)
