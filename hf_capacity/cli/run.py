"""`hf-capacity run`: every run of a study, on this machine or on a cluster."""

import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..boundary.shown import shown
from .dry_run import describe_dry_run, show_dry_run
from .errors import AsJson, echo, echo_json, refuses_mistakes, shorten
from .hypotheses import find_untested, show_post_hoc, show_untested


if TYPE_CHECKING:
    from ..config.study import Study
    from .dry_run import Stock

# A grid grows by multiplication: from so many runs on, it may be a slip.
MANY_RUNS = 1_000


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
    yes: Annotated[bool, typer.Option("--yes", help=f"Do more than {MANY_RUNS:,} runs without confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train and measure every run of a study. Repeat the command to finish what was stopped."""
    stop_when_asked()
    from ..config.study import read_study

    _check_options(engine, address, workers, output)
    if as_json and not dry_run:
        raise ValueError("`--json` goes with `--dry-run`: finished runs are in `hf-capacity results FOLDER --json`.")
    plan = read_study(study, overrides or [])
    check_number(plan, yes)
    output = output or Path("runs") / plan.name
    untested = find_untested(plan, read_study(study) if overrides and plan.hypotheses else plan)
    stock = take_stock(plan, output)
    if as_json:
        echo_json(describe_dry_run(plan, stock, output, workers, untested))
        return
    if not dry_run:
        claim(plan, output)
    show_stock(plan, stock, output, dry_run)
    show_untested(untested)
    show_post_hoc(plan, output)
    if dry_run:
        show_dry_run(plan, stock, output, workers, untested)
    else:
        carry_out(plan, stock, output, engine=engine, workers=workers, address=address)
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


def take_stock(plan: "Study", output: Path) -> "Stock":
    """Checks every run, and gives each with how it stands: `done`, `to do` or what keeps it from being done."""
    from ..runs.folder import states
    from ..runs.records import check_folder
    from ..sweep.task_checks import check_sources, check_tasks, check_unchanged

    runs = plan.runs()
    check_folder(output, plan.name)
    check_tasks(runs)
    stock = list(zip(runs, states(output, runs), strict=True))
    check_sources([run for run, state in stock if state != "done"], output)
    check_unchanged([run for run, state in stock if state == "done"], output)
    return stock


def claim(plan: "Study", output: Path) -> None:
    """Makes the folder the study's, which then says what the study asks."""
    from ..runs.records import claim_folder

    claim_folder(output, plan.name, plan.description, plan.arms, (plan.question, plan.hypotheses))


def show_stock(plan: "Study", stock: "Stock", output: Path, dry_run: bool) -> None:
    """Says what the study is and how its runs stand; each of them in a dry run, else those that were begun."""
    echo(plan.description)
    for config, state in stock:
        if dry_run or state not in ("done", "to do"):
            arms = ", ".join(arm.name for arm in plan.arms.find(config.to_dict()).values())
            echo("  ".join(filter(None, (config.run_id, f"{config.steps} steps", arms, state))))
    num_done = sum(state == "done" for _, state in stock)
    number = f"{len(stock)} run{'' if len(stock) == 1 else 's'}"
    echo(f"{plan.name}: {number}, {num_done} done, {len(stock) - num_done} to do, in {output}")


def carry_out(
    plan: "Study",
    stock: "Stock",
    output: Path,
    *,
    engine: Engine,
    workers: int | None,
    address: str | None,
) -> None:
    """Does the runs that are left, and ends the command where some fail."""
    from ..sweep.local import num_cores, run_local

    to_do = [config for config, state in stock if state != "done"]
    try:
        if engine is Engine.RAY:
            from ..sweep.ray_pool import run_ray

            failures = run_ray(to_do, output, plan.name, address=address, **plan.resources)
        else:
            failures = run_local(to_do, output, plan.name, workers or num_cores())
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
