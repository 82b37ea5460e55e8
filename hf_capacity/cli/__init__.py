"""The command line, `hf-capacity`. Each command loads its room inside, so that `--help` loads none."""

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..boundary.shown import shown
from .errors import echo, refuses_mistakes, shortened
from .publish import publish


# A grid grows by multiplication: from so many runs on, it may be a slip.
MANY_RUNS = 1_000

app = typer.Typer(
    help="Train capacity-limited transformers, and measure what they memorise and what they generalise.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(publish, name="publish")


class Engine(StrEnum):
    """What does the runs: processes of this machine, or a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"


def _stop(signal_number, frame):
    raise SystemExit(128 + signal_number)


@app.command()
@refuses_mistakes
def run(
    study: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged study such as quick.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Such as steps=100 or intervention=lines.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at once; by default one a core.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the runs go; by default runs/STUDY.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and how long it may take.")
    ] = False,
    engine: Annotated[Engine, typer.Option(help="Processes on this machine, or Ray.")] = Engine.LOCAL,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster: auto or HOST:PORT; by default Ray on this machine alone.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do more than {MANY_RUNS:,} runs without asking back.")] = False,
) -> None:
    """Train and measure every run of a study. Repeat the command to finish what was stopped."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _stop)
    from ..config.study import read_study
    from ..runs.folder import states
    from ..runs.records import check_folder, claim_folder, read_record
    from ..sweep.task_checks import check_tasks

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
    plan = read_study(study, overrides or [])
    if plan.num_runs > MANY_RUNS and not yes:
        raise ValueError(
            f"study {plan.name!r} expands to {plan.num_runs:,} runs, more than {MANY_RUNS:,}: take less of its "
            "grid (KEY=VALUE), or say --yes if that is what you want."
        )
    runs = plan.runs()
    output = output or Path("runs") / plan.name
    check_folder(output, plan.name)
    check_tasks(runs)
    if not dry_run:
        claim_folder(output, plan.name, plan.description, plan.arms)
    found = states(output, runs)

    echo(plan.description)
    finished, to_do = [], []
    for config, state in zip(runs, found, strict=True):
        (finished if state == "done" else to_do).append(config)
        if dry_run or state not in ("done", "to do"):
            arms = ", ".join(arm.name for arm in plan.arms.find(config.to_dict()).values())
            echo("  ".join(filter(None, (config.run_id, f"{config.steps} steps", arms, state))))
    echo(f"{plan.name}: {len(runs)} runs, {len(runs) - len(to_do)} done, {len(to_do)} to do, in {output}")
    from ..sweep.local import num_cores, run_local

    if dry_run:
        from ..sweep.estimate import estimated_minutes, spelled_time

        num_workers = workers or num_cores()
        minutes = estimated_minutes(to_do, [read_record(output / config.run_id) for config in finished], num_workers)
        if to_do:
            basis = f"the {len(finished)} finished runs here" if finished else "the steps of model_cards/benchmark"
            echo(f"about {spelled_time(minutes)} with {num_workers} workers, by {basis}")
        return

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
        echo(f"Error: {shortened(str(error))}\nThe same command goes on from the last checkpoints.", err=True)
        raise typer.Exit(1) from None
    if failures:
        echo(f"{len(failures)} of {len(to_do)} runs failed; the same command tries them again:", err=True)
        for run_id, cause in failures.items():
            echo(f"  {run_id}: {shown(cause)}", err=True)
        raise typer.Exit(1)
    echo(f"All runs are done. Next: hf-capacity report {output}")


@app.command()
@refuses_mistakes
def report(folder: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")]) -> None:
    """Print a study's tables, and write its report with figures."""
    from ..report import write_report

    path = write_report(folder)
    echo(path.read_text(encoding="utf-8"))
    echo(f"Written: {path}")


@app.command()
@refuses_mistakes
def results(
    folder: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")],
    output: Annotated[Path | None, typer.Option(help="Export all columns: a .csv or .parquet file.")] = None,
) -> None:
    """Print a study's finished runs, a line each, or export them as a table."""
    from ..runs.records import read_unfinished
    from ..runs.table import export_results, load_results
    from ..sweep.display import show_results

    table = load_results(folder)
    unfinished = read_unfinished(folder)
    if output:
        export_results(table, output)
        echo(f"Written: {output}, {len(table)} runs. Without a result: {len(unfinished)} runs.")
    else:
        show_results(table, unfinished)


Source = Annotated[str, typer.Argument(metavar="MODEL", help="A run's folder, or a model on the Hub.")]
Step = Annotated[int | None, typer.Option(help="A kept checkpoint; by default the last.")]
ModelRevision = Annotated[
    str | None, typer.Option(help="Of a model on the Hub: a branch or tag, such as seed-2 or step-500.")
]


@app.command()
@refuses_mistakes
def evaluate(
    source: Source,
    task: Annotated[str | None, typer.Option(help="For a model that does not say what it learned.")] = None,
    step: Step = None,
    revision: ModelRevision = None,
) -> None:
    """Score a model on the questions of its task."""
    from ..boundary.reading import parse_yaml
    from ..evaluation.inference import evaluate_model
    from ..sweep.display import show_marks

    asked = parse_yaml(task, "`--task`") if task else None
    show_marks(evaluate_model(source, asked, step=step, revision=revision))


@app.command()
@refuses_mistakes
def ask(
    source: Source,
    prompt: Annotated[str, typer.Argument(help='Such as "<5+7=".')],
    step: Step = None,
    revision: ModelRevision = None,
) -> None:
    """Let a model go on from a prompt to the end of the line."""
    from ..evaluation.inference import ask as ask_model

    echo(prompt + ask_model(source, prompt, step=step, revision=revision))


@app.command()
@refuses_mistakes
def demo(
    folder: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the page; by default the first free one from 7860 on.")
    ] = None,
) -> None:
    """Open a page, for this machine only, on which every model of a study answers what you type."""
    from ..demo import serve

    serve(folder, port, lambda address: echo(f"Open {address} in a browser; Ctrl-C ends it."))


if __name__ == "__main__":
    app()
