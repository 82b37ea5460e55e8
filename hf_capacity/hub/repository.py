"""What is published, as data: repositories, their revisions and the files of each; and the same on disk."""

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


LONGEST_NAME = 96  # of a repository on the Hub
# Lies in a folder that dry runs may write anew.
DRY_RUN = ".hf-capacity-dry-run"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One state of a repository.

    Args:
        name: What `revision=` takes: a branch (`main`, `seed-2`), or a tag (`step-500`).
        files: Paths in the repository to contents, or to the files that hold them.
        on_branch: For a tag, the branch on whose way it lies; None for a branch.
    """

    name: str
    files: Mapping[str, bytes | Path]
    on_branch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository with all its revisions, in the order in which they are published: `main` is the last.

    Args:
        repo_id: `namespace/name`.
        repo_type: What the Hub calls its kind.
        marks: Tags of its card that tell whose it is: only a repository with them is ever written over.
        revisions: All of them.
    """

    repo_id: str
    repo_type: Literal["model", "dataset", "space"]
    marks: tuple[str, ...]
    revisions: tuple[Revision, ...]


def write_to_disk(repositories: Sequence[Repository], output: Path) -> list[Path]:
    """Writes what would be published: `OUTPUT/NAME/REVISION/...`, each file byte for byte.

    Args:
        repositories: What to write.
        output: A new folder, or one of earlier dry runs: what is published again is replaced there.

    Returns:
        The folder of each repository.

    Raises:
        ValueError: `output` holds something else.
    """
    marker = output / DRY_RUN
    if output.exists() and not output.is_dir():
        raise ValueError(f"`--output` (={output}) is a file: name a folder.")
    if output.exists() and any(output.iterdir()) and not marker.exists():
        raise ValueError(f"`--output` (={output}) holds something else than dry runs: name an empty or new folder.")
    output.mkdir(parents=True, exist_ok=True)
    marker.touch()
    folders = []
    for repository in repositories:
        folder = output / repository.repo_id.split("/")[1]
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for revision in repository.revisions:
            for name, content in revision.files.items():
                path = partial / revision.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        folders.append(folder)
    return folders


def repository_name(*parts: str) -> str:
    """A name that the Hub takes: letters, digits, `-`, `_` and single dots; a long one ends in a digest."""
    name = re.sub(r"[^\w.-]+", "-", "-".join(filter(None, parts)), flags=re.ASCII)
    name = re.sub(r"([.-])[.-]+", r"\1", name).strip("-.")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
