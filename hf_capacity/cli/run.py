"""`hf-capacity run`: every run of a study, on this machine or on a cluster."""

import signal
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..boundary.shown import shown
from .errors import echo, refuses_mistakes, shorten
from .hypotheses import find_untested, show_post_hoc, show_power, show_untested


if TYPE_CHECKING:
    from ..config.experiment import ExperimentConfig
    from ..config.study import Study

# A grid grows by multiplication: from so many runs on, it may be a slip.
MANY_RUNS = 1_000


class Engine(StrEnum):
    """What does the runs: processes of this machine, or a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"


@refuses_mistakes
def run(
    study: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged study such as quick.")],
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
    yes: Annotated[bool, typer.Option("--yes", help=f"Do more than {MANY_RUNS:,} runs without confirmation.")] = False,
) -> None:
    """Train and measure every run of a study. Repeat the command to finish what was stopped."""
    stop_when_asked()
    from ..config.study import read_study

    _check_options(engine, address, workers, output)
    plan = read_study(study, overrides or [])
    check_number(plan, yes)
    output = output or Path("runs") / plan.name
    untested = find_untested(plan, read_study(study) if overrides and plan.hypotheses else plan)
    finished, to_do = take_stock(plan, output, dry_run)
    show_untested(untested)
    show_post_hoc(plan, output)
    if dry_run:
        estimate(finished, to_do, output, workers)
        show_power(plan, output, untested)
    else:
        carry_out(to_do, output, plan.name, engine=engine, workers=workers, address=address, **plan.resources)
        echo(f"All runs are done. Next: hf-capacity report {output}")


def stop_when_asked() -> None:
    """Lets an interrupted command end its workers."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _stop)


def check_number(plan: "Study", yes: bool) -> None:
    """Refuses more runs than anybody may have meant, unless they are asked for."""
    if plan.num_runs > MANY_RUNS and not yes:
        raise ValueError(
            f"study {plan.name!r} expands to {plan.num_runs:,} runs, more than {MANY_RUNS:,}: take less of its "
            "grid (KEY=VALUE), or add --yes if that is what you want."
        )


def _stop(signal_number: int, frame: Any) -> None:
    raise SystemExit(128 + signal_number)


def _check_options(engine: Engine, address: str | None, workers: int | None, output: Path | None) -> None:
    if address is not None and engine is not Engine.RAY:
        raise ValueError(f"`--address` (={address}) goes with `--engine ray`.")
    if workers and engine is Engine.RAY:
        raise ValueError(
            f"`--workers` (={workers}) goes with `--engine local`: Ray does what its nodes have room for."
        )
    if output and ":/" in str(output):  # a `Path` keeps one of two slashes
        raise ValueError(
            f"`--output` (={output}): object stores are out of scope, name a path that every node mounts."
        )


def take_stock(
    plan: "Study", output: Path, dry_run: bool
) -> tuple[list["ExperimentConfig"], list["ExperimentConfig"]]:
    """Checks every run, claims the folder unless nothing is to be written, and lists how the runs stand. Gives those
    that are finished, and those to do."""
    from ..runs.folder import states
    from ..runs.records import check_folder, claim_folder
    from ..sweep.task_checks import check_sources, check_tasks

    runs = plan.runs()
    check_folder(output, plan.name)
    check_tasks(runs)
    found = states(output, runs)
    check_sources([run for run, state in zip(runs, found, strict=True) if state != "done"], output)
    if not dry_run:
        claim_folder(output, plan.name, plan.description, plan.arms, (plan.question, plan.hypotheses))
    echo(plan.description)
    finished, to_do = [], []
    for config, state in zip(runs, found, strict=True):
        (finished if state == "done" else to_do).append(config)
        if dry_run or state not in ("done", "to do"):
            arms = ", ".join(arm.name for arm in plan.arms.find(config.to_dict()).values())
            echo("  ".join(filter(None, (config.run_id, f"{config.steps} steps", arms, state))))
    number = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    echo(f"{plan.name}: {number}, {len(finished)} done, {len(to_do)} to do, in {output}")
    return finished, to_do


def estimate(
    finished: Sequence["ExperimentConfig"], to_do: Sequence["ExperimentConfig"], output: Path, workers: int | None
) -> None:
    """Says how long the runs may take that are left."""
    from ..boundary.shown import spell_time
    from ..runs.records import read_record
    from ..sweep.estimate import estimate_minutes
    from ..sweep.local import num_cores

    if to_do:
        num_workers = workers or num_cores()
        records = [read_record(output / config.run_id) for config in finished]
        time = spell_time(estimate_minutes(to_do, records, num_workers))
        basis = f"the {len(finished)} finished runs here" if finished else "the steps of model_cards/benchmark"
        echo(f"about {time} with {num_workers} workers, by {basis}")


def carry_out(
    to_do: Sequence["ExperimentConfig"],
    output: Path,
    study: str,
    *,
    engine: Engine,
    workers: int | None,
    address: str | None,
    **resources: float,
) -> None:
    """Does the runs that are left, and ends the command where some fail."""
    from ..sweep.local import num_cores, run_local

    try:
        if engine is Engine.RAY:
            from ..sweep.ray_pool import run_ray

            failures = run_ray(to_do, output, study, address=address, **resources)
        else:
            failures = run_local(to_do, output, study, workers or num_cores())
    except SystemExit:
        echo("\nStopped. The same command goes on from the last checkpoints.", err=True)
        raise
    except OSError as error:
        echo(f"Error: {shorten(str(error))}\nThe same command goes on from the last checkpoints.", err=True)
        raise typer.Exit(1) from None
    if failures:
        echo(f"{len(failures)} of {len(to_do)} runs failed; the same command tries them again:", err=True)
        for run_id, cause in failures.items():
            echo(f"  {run_id}: {shown(cause)}", err=True)
        raise typer.Exit(1)
