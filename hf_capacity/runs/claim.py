"""`study.yaml`: whose a study's folder is, and what it says of the study beside its runs."""

import contextlib
import fcntl
import os
from pathlib import Path

import yaml

from ..boundary.reading import check_spelling, quote, read_yaml
from ..boundary.writing import Damaged, write_atomically
from ..config.arms import Arms, check_axis
from ..config.experiment import PROTOCOL_VERSION
from ..config.hypotheses import Hypothesis
from .schema import KEPT_RECORDS
from .stating import restate


CLAIM = "study.yaml"
# A study's question and its hypotheses.
Asked = tuple[str, tuple[Hypothesis, ...]]


def claim_folder(
    output: Path,
    study: str,
    description: str = "",
    arms: Arms | None = None,
    asked: Asked | None = None,
    *,
    source: str = "",
) -> None:
    """Makes `output` the folder of `study`.

    Args:
        output: The folder.
        study: The study's name.
        description: What its report will say that it asks.
        arms: By what names it will call arms; those of an earlier command are replaced. None: whatever it says now.
        asked: The study's question and hypotheses, likewise; what is new to a folder with finished runs is post hoc.
        source: What `hf-capacity run` takes to do it, where that is not its name.

    Raises:
        ValueError: It is another study's or an earlier protocol's, or holds something else.
    """
    output = Path(output)
    check_folder(output, study)
    output.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(output, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # where the file system locks no folder, commands have to take turns
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        check_folder(output, study)  # another command may have been faster
        before = content = read_yaml(output / CLAIM) if (output / CLAIM).exists() else {}
        if not content or (arms is not None and arms != read_arms(output)):
            content = {"study": study, "protocol": PROTOCOL_VERSION, "description": description} | content
            content = {key: value for key, value in content.items() if key not in ("arms", "settings")}
            content |= {"arms": arms.axes, "settings": arms.settings} if arms and arms.axes else {}
        if asked is not None:
            content = restate(content, *asked, len(list(output.glob("*/record.json"))))
        content |= {"source": source} if source else {}
        if content != before:
            write_atomically(output / CLAIM, yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True))
    finally:
        os.close(descriptor)


def read_description(folder: Path) -> str:
    """What the study of a folder asks, as its `study.yaml` says; nothing if it does not say."""
    try:
        return str(read_yaml(Path(folder) / CLAIM).get("description") or "").strip()
    except (OSError, ValueError, AttributeError):
        return ""


def read_source(folder: Path) -> str:
    """What `hf-capacity run` takes to do the study of a folder; nothing if the folder does not say."""
    try:
        source = read_yaml(Path(folder) / CLAIM)["source"]
        return source if source.isprintable() and "`" not in source else ""  # it stands as code in reports
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ""


def read_arms(folder: Path) -> Arms:
    """The arms that a study's folder names; none if it does not say, as those of earlier versions do not."""
    try:
        content = read_yaml(Path(folder) / CLAIM)
        grid, settings = content.get("arms") or {}, content.get("settings") or {}
        for axis, entries in grid.items():
            check_axis(axis, entries)
        return Arms.of(grid, dict(settings))
    except (OSError, ValueError, TypeError, AttributeError):
        return Arms()


def check_folder(output: Path, study: str) -> None:
    """Checks that `output` is free for `study`, and writes nothing.

    Raises:
        ValueError: It is another study's or an earlier protocol's, or holds something else.
    """
    output = Path(output)
    claim = output / CLAIM
    check_spelling("--output", output)
    if output.exists() and not output.is_dir():
        raise ValueError(f"`--output` (={output}) is a file: name a folder.")
    if (output / KEPT_RECORDS).exists():
        raise ValueError(
            f"`--output` (={output}) holds a kept study, which runs cannot be added to: name another folder."
        )
    if claim.exists():
        try:
            content = read_yaml(claim)
            owner, protocol = content["study"], content.get("protocol", PROTOCOL_VERSION)
        except (ValueError, TypeError, KeyError):
            raise Damaged(f"{claim} does not say whose folder this is: name another folder, or mend it.") from None
        if owner != study:
            raise ValueError(
                f"`--output` (={output}) belongs to study {quote(owner)}, not to {study!r}: name another folder."
            )
        if protocol != PROTOCOL_VERSION:
            raise ValueError(
                f"`--output` (={output}) holds runs of protocol {quote(protocol)}, and these are of protocol "
                f"{PROTOCOL_VERSION}: name another folder."
            )
    elif output.exists() and {path.name for path in output.iterdir()} - {CLAIM, f".{CLAIM}.partial"}:
        raise ValueError(f"`--output` (={output}) holds something else than a study: name an empty or new folder.")
