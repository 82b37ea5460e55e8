"""The command line, `hf-capacity`. Each command loads its room inside, so that `--help` loads none."""

from importlib import metadata
from typing import Annotated

import typer

from .export import export
from .inspect import ask, demo, evaluate, probe, report, results
from .packaged import studies, tasks
from .prepare import prepare
from .publish import publish
from .replicate import replicate
from .run import run
from .train import train


def show_version(asked: bool) -> None:
    if asked:
        typer.echo(metadata.version("hf-capacity"))
        raise typer.Exit


app = typer.Typer(
    help="Train capacity-limited transformers, and measure what they memorise and what they generalise.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """What comes before a command."""


for command in (studies, tasks, prepare, run, train, replicate, report, results, evaluate, probe, ask, demo, export):
    app.command()(command)
app.add_typer(publish, name="publish")
