"""What is published, as data: repositories, their revisions and the files of each; and the same on disk."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..analysis.cells import Cell
from ..boundary.reading import quote
from ..boundary.writing import naming
from ..config.arms import name_in_repository, spell_for_the_hub


# A tag of everything that is published from here.
MARK = "hf-capacity"
LONGEST_NAME = 96  # of a repository on the Hub
LONGEST_OWN_NAME = 60  # of one that nobody has named: a person can still read it
REFUSED_ENDINGS = (".git", ".ipynb")
# Lies in a folder that dry runs may write again.
DRY_RUN = ".hf-capacity-dry-run"


class PublishError(ValueError):
    """The Hub, or the way to it, did not let something be published; says what to do, and never a token."""


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
        marks: Tags of its card that say whose it is: only a repository with them is ever written over.
        revisions: All of them.
        runs: The runs that it holds, where it holds any, each with the digest of its weights: one with other runs, or
            with others of these, is never written over.
        is_index: Whether it lists what is published with it, so that a collection of its name gathers all of that.
    """

    repo_id: str
    repo_type: Literal["model", "dataset", "space"]
    marks: tuple[str, ...]
    revisions: tuple[Revision, ...]
    runs: Mapping[str, str | None] = field(default_factory=dict)
    is_index: bool = False


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
                content = content if isinstance(content, bytes) else content.read_bytes()
                with naming(path):
                    path.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        folders.append(folder)
    return folders


def names_of_models(study: str, cells: Sequence[Cell]) -> list[str]:
    """The names of the repositories of a study's cells: `rescue-rule-first-n28` after its arms, where it names any.

    The task is part of a name too, but where the arms say which it is.

    Args:
        study: The name of the study's own repository.
        cells: All of them.
    """
    tasks_of_arms = {(cell.arms, cell.task) for cell in cells}
    arms_say = all(cell.arms for cell in cells) and len(tasks_of_arms) == len({cell.arms for cell in cells})
    names = []
    for cell in cells:
        arms = [name_in_repository(arm.name) for arm in cell.arms]
        task = "" if arms_say else cell.task
        names.append(repository_name(study, task, *arms, name_in_repository(cell.model), cell.settings))
    return distinct_names(names, ["\n".join((study, cell.task, cell.model, cell.differs)) for cell in cells])


def repository_name(*parts: str, longest: int = LONGEST_OWN_NAME) -> str:
    """A name that the Hub takes, and that no other parts have: one that had to be changed ends in a digest."""
    wanted = "-".join(filter(None, parts))
    name = spell_for_the_hub(wanted)
    if name == wanted and len(name) <= longest and not name.lower().endswith(REFUSED_ENDINGS):
        return name
    return with_digest(name, wanted)


def with_digest(name: str, original: str) -> str:
    """A name that ends in a digest of what it was made from."""
    return f"{name[: LONGEST_OWN_NAME - 9].rstrip('-.')}-{digest_of(original)[:8]}".lstrip("-")


def distinct_names(names: Sequence[str], originals: Sequence[str]) -> list[str]:
    """The names, with digests where two are the same to the Hub, to which capitals and small letters are one."""
    count = Counter(name.lower() for name in names)
    distinct = [
        name if count[name.lower()] == 1 else with_digest(name, original)
        for name, original in zip(names, originals, strict=True)
    ]
    assert len({name.lower() for name in distinct}) == len(distinct)
    return distinct


def check_name(option: str, name: str) -> str:
    """The name that somebody gave, if the Hub takes it as it is.

    Raises:
        ValueError: It does not.
    """
    if not name or repository_name(name, longest=LONGEST_NAME) != name:
        raise ValueError(
            f"`{option}` (={quote(name)}) is no name on the Hub: take up to {LONGEST_NAME} letters a to z, digits, "
            "`-`, `_` and `.`, no two of `-` and `.` in a row, none of them at an end, and no `.git` there."
        )
    return name


def check_owner(namespace: str) -> str:
    """The namespace that somebody gave, if there can be one of that name.

    Raises:
        ValueError: There cannot.
    """
    return check_name("--namespace", namespace)


def digest_of(text: str) -> str:
    """The digest of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
