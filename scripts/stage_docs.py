"""Gathers the pages of the site, and what they link to, in `build/docs`, each where it lies in the repository.

    python scripts/stage_docs.py

Links between READMEs then hold on the site as they stand, and no page is written twice. `make docs` builds it.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hf_capacity.cli.errors import echo, refuses_mistakes


ROOT = Path(__file__).resolve().parents[1]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", flags=re.MULTILINE | re.DOTALL)
LISTED = re.compile(r": ([\w/]+\.md)$", flags=re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def linked_files(page: Path) -> Iterator[Path]:
    """The files that a page links to or shows.

    Raises:
        ValueError: One of them is not there.
    """
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        path = (page.parent / target).resolve()
        if not path.is_file():
            raise ValueError(
                f"{page.relative_to(ROOT)} links to {target}, which is not a file of the repository: correct the link"
            )
        yield path


def gather() -> set[Path]:
    """The pages in the contents of `mkdocs.yml`, and all that can be reached from them by links."""
    found = {ROOT / page for page in LISTED.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))}
    new = set(found)
    while new:
        new = {path for page in new if page.suffix == ".md" for path in linked_files(page)} - found
        found |= new
    return found


@refuses_mistakes
def main(
    output: Annotated[Path, typer.Option(help="Where to; what is there goes.")] = ROOT / "build" / "docs",
) -> None:
    """Gathers the pages of the site in one folder."""
    paths = gather()
    shutil.rmtree(output, ignore_errors=True)
    for path in sorted(paths):
        copy = output / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    echo(f"{len(paths)} files in {output}")


if __name__ == "__main__":
    typer.run(main)
