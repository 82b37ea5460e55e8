"""The files that ship with the project."""

from pathlib import Path


def packaged_path(*parts: str) -> Path:
    """A file that ships with the project: `packaged_path("configs", "quick.yaml")`.

    An installed wheel has it inside the package, a checkout beside it.
    """
    package = Path(__file__).parents[1]
    inside = package.joinpath(*parts)
    return inside if inside.exists() else package.parent.joinpath(*parts)


def packaged_studies() -> list[str]:
    """The names of the studies that ship with the project."""
    return sorted(file.stem for file in packaged_path("configs").glob("*.yaml"))
