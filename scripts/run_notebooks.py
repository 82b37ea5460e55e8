"""Runs the notebooks of the site from their first cell to their last, and writes nothing into them.

python scripts/run_notebooks.py docs/notebooks/*.ipynb
"""

from pathlib import Path
from typing import Annotated

import nbclient
import nbformat
import typer
from jupyter_client.kernelspec import NoSuchKernel

from hf_capacity.cli.errors import echo, refuses_mistakes


def run_notebook(path: Path) -> None:
    """Runs a notebook in its own folder, in a kernel of its own.

    Raises:
        ValueError: It is no notebook, there is no kernel to run it, or one of its cells fails.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:  # of JSON that is a list, attributes miss
        raise ValueError(f"{path} is no notebook ({error}): name a file that Jupyter wrote.") from None
    try:
        nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    except NoSuchKernel as error:
        raise ValueError(
            f"{path} is for the kernel {error.name!r}, which is not installed: pip install '.[docs]' brings python3."
        ) from None
    except nbclient.exceptions.CellExecutionError as error:
        raise ValueError(f"{path} has a cell that fails: {error.ename}: {error.evalue}") from None


@refuses_mistakes
def main(notebooks: Annotated[list[Path], typer.Argument(help="Such as docs/notebooks/quickstart.ipynb.")]) -> None:
    """Runs notebooks."""
    for path in notebooks:
        run_notebook(path)
        echo(f"{path}: every cell runs")


if __name__ == "__main__":
    typer.run(main)
