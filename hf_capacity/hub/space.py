"""The demo of a study as a Space: its models, the page that asks them, and what both need, pinned."""

import importlib.metadata
import re
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from ..boundary.writing import Damaged
from ..config.packaged import packaged_path
from ..runs.claim import read_description
from ..runs.schema import KEPT_WEIGHTS
from .contents import index_repository
from .repository import MARK, Repository, Revision, check_name


PACKAGES = ("hf_capacity", "dataset_builders")
# Of a study, what the page reads.
STUDY = ("study.yaml", "runs.jsonl", "curves.parquet", KEPT_WEIGHTS)
APP = '''\
"""The page of the study in `study/`, as Spaces start it."""

from pathlib import Path

from hf_capacity.demo import serve_space


serve_space(Path(__file__).parent / "study")
'''


EXPLANATION = """\
Type the beginning of a line: every model of the study goes on from it, and the page shows how sure each is of every
character, whether it is right, and whether the question was withheld from it in training. `study/` holds the records,
learning curves and weights; `hf-capacity demo study` opens the same page on your own machine.
"""


def demo_repository(folder: Path, namespace: str, name: str | None = None) -> Repository:
    """A study's demo as a Space, which needs nothing but packages from the Python Package Index.

    Args:
        folder: The study's, or that of a kept one with its weights.
        namespace: The user or organisation that publishes it.
        name: The Space's name; by default the study's and `-demo`.

    Raises:
        ValueError: There is no study, or none of its models is there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a study's, such as runs/quick.")
    index = index_repository(folder, namespace, name)
    kept = index.revisions[-1].files
    if KEPT_WEIGHTS not in kept:
        raise Damaged(f"{folder} has no {KEPT_WEIGHTS}: train its models with `hf-capacity run STUDY`.")
    study = index.repo_id.split("/")[1]
    own_name = check_name("--name", name) if name else f"{study}-demo"
    marks = (MARK, f"demo:{study}")
    files: dict[str, bytes | Path] = {
        "README.md": _card(folder, study, marks).encode(),
        "app.py": APP.encode(),
        "requirements.txt": requirements().encode(),
    }
    files |= {f"study/{name}": kept[name] for name in STUDY}
    files |= _source()
    return Repository(
        repo_id=f"{index.repo_id.split('/')[0]}/{own_name}",
        repo_type="space",
        marks=marks,
        revisions=(Revision(name="main", files=files),),
        runs=index.runs,
    )


def requirements() -> str:
    """What the page needs, at the versions that are installed here."""
    lines = []
    for line in importlib.metadata.requires("hf-capacity") or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": "demo"}):
            version = importlib.metadata.version(requirement.name).partition("+")[0]
            lines.append(f"{requirement.name}=={version}\n")
    return "".join(sorted(lines))


def _card(folder: Path, study: str, marks: tuple[str, ...]) -> str:
    metadata = {
        "title": f"{study}: ask its models",
        "sdk": "gradio",
        "sdk_version": importlib.metadata.version("gradio"),
        "python_version": "3.11",
        "app_file": "app.py",
        "license": "apache-2.0",
        "tags": list(marks),
    }
    header = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n# {study}: ask its models\n\n{read_description(folder)}\n\n{EXPLANATION}"


def _source() -> dict[str, bytes | Path]:
    """Our own code, which the page runs on: it is the version that made the page, whether or not that is released."""
    root = packaged_path("hf_capacity").parent
    return {
        path.relative_to(root).as_posix(): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*"))
        if path.is_file() and not re.search(r"__pycache__|/\.|\.so$", path.as_posix().removeprefix(root.as_posix()))
    }
