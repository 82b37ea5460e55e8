"""The READMEs and pages that people write by hand: which there are, and their commands, prose and numbers."""

import re
from pathlib import Path


ROOT = Path(__file__).parents[2]
FOLDERS = ("configs", "dataset_builders", "hf_capacity", "model_cards", "scripts", "tests")
PATHS = [
    ROOT / "README.md",
    *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
# What opens with metadata for the Hub is a card: made from a template, or with tests of its own.
READMES = {
    str(path.relative_to(ROOT)): text
    for path in PATHS
    if not (text := path.read_text(encoding="utf-8")).startswith("---\n")
}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return [content for found, content in FENCED.findall(text) if found == language]


def commands(text: str) -> list[str]:
    """The lines of the shell's blocks, continuation lines joined, comments left out."""
    joined = re.sub(r"\s*\\\n\s*", " ", "".join(blocks(text, "bash")))
    return [re.sub(r"\s+#.*$", "", line).strip() for line in joined.splitlines() if line.strip() and line[0] != "#"]


def tables(text: str) -> list[str]:
    """The tables, each as it is written."""
    return re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)


def rows(table: str) -> list[list[str]]:
    """The cells of a table's rows, the header first, without the line below it."""
    header, _, *others = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return [header, *others]


def prose(text: str) -> str:
    """What a person reads: no code, and of a link its words."""
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", FENCED.sub("", text))


def numbers(text: str) -> set[str]:
    """The numbers in the prose."""
    return {number.rstrip(".,") for number in re.findall(r"(?<![\w.])\d[\d.,]*", prose(text))}
