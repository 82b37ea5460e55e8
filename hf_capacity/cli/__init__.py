"""The command line, `hf-capacity`. Each command loads its room inside, so that `--help` loads none."""

import typer

from .inspect import ask, demo, evaluate, probe, report, results
from .prepare import prepare
from .publish import publish
from .replicate import replicate
from .run import run


app = typer.Typer(
    help="Train capacity-limited transformers, and measure what they memorise and what they generalise.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (prepare, run, replicate, report, results, evaluate, probe, ask, demo):
    app.command()(command)
app.add_typer(publish, name="publish")
