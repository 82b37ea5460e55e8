"""Whether files are as they were written: compared with the digests that a run's record, or a seal of its, holds.

A digest without a key detects damage: a flipped bit, a file cut short, a row too many, weights of another run. It is
no proof against forgery, since whoever changes a file on purpose can write its digest again.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..boundary.reading import read_json
from ..boundary.writing import Damaged, sha256, write_atomically
from .records import is_vouched_for, read_record
from .schema import content_digest, with_digest


# What is read of a model. The rest of a run's files may stay behind where its model is published.
MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "task.json",
)
KEPT = re.compile(r"step-[0-9]+")
MANIFEST = "manifest.json"
# Seals did not say its version then.
FIRST_KERNEL = 1


def check_files(folder: Path, digests: Mapping[str, str], by: str = "the record") -> None:
    """Compares the files of a run with the digests that `by` holds of them.

    Raises:
        Damaged: One is missing, or not what was written.
        OSError: One is there and cannot be read.
    """
    for name, digest in digests.items():
        path = folder / name
        try:
            is_whole = sha256(path) == digest
        except (FileNotFoundError, NotADirectoryError):
            is_whole = False
        if not is_whole:
            raise Damaged(f"{path} is not the file that {by} vouches for.")


def check_model(folder: Path) -> bool | None:
    """Compares a model's files with what its run wrote of them: a finished run, or weights kept along the way.

    Returns:
        Whether something vouches for the model: nothing does where the run was made before records held digests of
        their own. None of a model that no record or run lies beside.

    Raises:
        Damaged: A file is not the one that was written, or the run's record is damaged.
    """
    folder = Path(folder).resolve()
    is_kept = bool(KEPT.fullmatch(folder.name)) and not (folder / "record.json").exists()
    run, prefix = (folder.parent, f"{folder.name}/") if is_kept else (folder, "")
    if (run / "record.json").exists():
        record = read_record(run)
        digests, is_sealed = record["files"], is_vouched_for(record)
    elif is_kept:
        seals = filter(None, map(read_seal, run.glob("checkpoint-*")))
        digests, is_sealed = {name: digest for seal in seals for name, digest in seal.kept.items()}, False
    else:
        return None
    named = {name: digests[prefix + name] for name in MODEL_FILES if prefix + name in digests}
    if not named and is_sealed:
        raise Damaged(f"{folder} is not among what {run / 'record.json'} vouches for.")
    check_files(folder, named)
    return bool(named) and (is_sealed or not (run / "record.json").exists())


class Seal(NamedTuple):
    """What was whole when a checkpoint was declared so.

    Args:
        files: Its own files, each with its digest.
        curve: Digest of the learning curve's regular rows up to its step; None of a run that was begun before.
        kept: Weights kept until then, by paths in the run's folder.
        kernel: Version of the kernel that took the run's steps, where versions differ in its last digits.
    """

    files: dict[str, str]
    curve: str | None
    kept: dict[str, str]
    kernel: int | None


def write_seal(checkpoint: Path, curve: str, kept: Mapping[str, str], kernel: int | None) -> None:
    """Declares a checkpoint whole, and with it what its run goes on from."""
    files = {path.name: sha256(path) for path in sorted(checkpoint.iterdir()) if path.name != MANIFEST}
    content = with_digest({"files": files, "curve": curve, "kept": dict(kept), "kernel": kernel})
    write_atomically(checkpoint / MANIFEST, json.dumps(content, indent=1))


def read_seal(checkpoint: Path) -> Seal | None:
    """The seal of a checkpoint whose files are all as they were written; None of any other.

    A link is none of ours, wherever it leads.

    Raises:
        OSError: A file is there and cannot be read now.
    """
    try:
        content = read_json(checkpoint / MANIFEST)
        if not isinstance(content, dict):
            return None
        if "digest" in content:
            seal = Seal(content["files"], content["curve"], content["kept"], content.get("kernel", FIRST_KERNEL))
            if content["digest"] != content_digest(content):
                return None
        else:  # written before there were seals of more than the checkpoint itself
            seal = Seal(content, None, {}, FIRST_KERNEL)
        paths = [checkpoint, *(checkpoint / name for name in seal.files)]
        if any(path.is_symlink() for path in paths) or not _fit(checkpoint, seal.files):
            return None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return seal


def _fit(folder: Path, digests: dict[str, Any]) -> bool:
    return all(sha256(folder / name) == digest for name, digest in digests.items())
