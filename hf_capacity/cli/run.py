"""`hf-capacity run`: every run of a study, on this machine or on a cluster."""

import contextlib
import signal
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..boundary.shown import shown
from .dry_run import show_dry_run
from .errors import AsJson, echo, refuses_mistakes, shorten


Yes = Annotated[bool, typer.Option("--yes", help="Do more than 1,000 runs without confirmation.")]


class Engine(StrEnum):
    """What does the runs: processes of this machine, or a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"


@refuses_mistakes
def run(
    study: Annotated[str, typer.Argument(help="A YAML file, a packaged study such as quick, or a task's folder.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Such as steps=100 or intervention=lines.")
    ] = None,
    *,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at once; by default one per core.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the runs go; by default runs/STUDY.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be done, and how long it may take.")
    ] = False,
    engine: Annotated[Engine, typer.Option(help="Processes on this machine, or Ray.")] = Engine.LOCAL,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster: auto or HOST:PORT; by default Ray on this machine alone.")
    ] = None,
    report_to: Annotated[
        str, typer.Option(metavar="TRACKER", help="Log to tensorboard, trackio or wandb as well.")
    ] = "none",
    project: Annotated[str | None, typer.Option(help="In the tracker; by default the study's name.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only say when it is done.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line at every evaluation of every run.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Train and measure every run of a study. Repeat the command to finish what was stopped."""
    stop_when_asked()
    from ..runs.tracking import Tracking
    from ..study import check_arguments, prepare_study, run_study

    if as_json and not dry_run:
        raise ValueError("`--json` goes with `--dry-run`: finished runs are in `hf-capacity results FOLDER --json`.")
    if quiet and verbose:
        raise ValueError("`--quiet` and `--verbose` exclude each other.")
    if dry_run:
        check_arguments(engine, address, workers, output, Tracking(report_to, project))
        show_dry_run(prepare_study(study, overrides or [], output, yes=yes), workers, quiet=quiet, as_json=as_json)
        return
    with says_how_to_go_on():
        folder = run_study(
            study,
            overrides or [],
            output=output,
            workers=workers,
            engine=engine.value,
            address=address,
            report_to=report_to,
            project=project,
            verbosity=verbose - quiet,
            yes=yes,
        )
    echo(f"All runs are done. Next: hf-capacity report {folder}")


def stop_when_asked() -> None:
    """Lets an interrupted command end its workers."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _stop)


def _stop(signal_number: int, frame: Any) -> None:
    raise SystemExit(128 + signal_number)


@contextlib.contextmanager
def says_how_to_go_on() -> Iterator[None]:
    """Ends the command where its runs were stopped, or some of them failed, with what to do then."""
    from ..study import RunsFailed, RunsStopped

    try:
        yield
    except SystemExit:
        echo("\nStopped. The same command goes on from the last checkpoints.", err=True)
        raise
    except RunsStopped as error:
        echo(f"Error: {shorten(str(error))}\nThe same command goes on from the last checkpoints.", err=True)
        raise typer.Exit(1) from None
    except RunsFailed as failed:
        echo(f"{len(failed.failures)} of {failed.num_runs} runs failed; the same command tries them again:", err=True)
        for run_id, cause in failed.failures.items():
            echo(f"  {run_id}: {shown(cause)}", err=True)
        raise typer.Exit(1) from None
