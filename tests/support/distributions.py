"""What is uploaded to PyPI: the sdist, and the wheel that is built from it."""

import subprocess
import sys
import tarfile
from pathlib import Path


ROOT = Path(__file__).parents[2]


def build_distributions(folder: Path, *kinds: str) -> list[Path]:
    """The sdist and, made of it, the wheel; or only one `kind`, such as "--sdist", of the checkout."""
    build = [sys.executable, "-m", "build", *kinds, "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    return sorted(folder.iterdir())


def unpack_sdist(folder: Path) -> Path:
    """The tree that who downloads the sdist has, made of the checkout."""
    [sdist] = build_distributions(folder / "dist", "--sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")
