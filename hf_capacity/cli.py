"""The command line, `hf-capacity`. Each command loads its room inside, so that `--help` loads none."""

import signal
from pathlib import Path
from typing import Annotated

import typer


# A grid grows by multiplication: from so many runs on, it may be a slip.
MANY_RUNS = 1_000

app = typer.Typer(
    help="Train capacity-limited transformers, and measure what they memorise and what they generalise.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _refuse(error: Exception) -> typer.Exit:
    typer.echo(f"Error: {error}", err=True)
    return typer.Exit(2)


def _stop(signal_number, frame):
    raise SystemExit(128 + signal_number)


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged study such as quick.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Such as steps=100.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at once; by default one a core.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the runs go; by default runs/STUDY.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and how long it may take.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do more than {MANY_RUNS:,} runs without asking back.")] = False,
) -> None:
    """Train and measure every run of a study. Repeat the command to finish what was stopped."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _stop)
    from .results import Damaged, check_folder, claim_folder, read_record
    from .run_folder import RunFolder
    from .sweep.plan import check_tasks, read_study

    try:
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
            claim_folder(output, plan.name)
    except (ValueError, OSError) as error:
        raise _refuse(error) from None

    typer.echo(plan.description)
    finished, to_do = [], []
    for config in runs:
        state = "to do"
        try:
            if RunFolder(output, config).done():
                state = "done"
        except Damaged as damage:
            state = f"to do again: {damage}"
        (finished if state == "done" else to_do).append(config)
        if dry_run or state not in ("done", "to do"):
            typer.echo(f"{config.run_id}  {config.steps} steps  {state}")
    typer.echo(f"{plan.name}: {len(runs)} runs, {len(runs) - len(to_do)} done, {len(to_do)} to do, in {output}")
    from .sweep.local import num_cores, run_local

    if dry_run:
        from .sweep.estimate import estimated_minutes

        num_workers = workers or num_cores()
        minutes = estimated_minutes(to_do, [read_record(output / config.run_id) for config in finished], num_workers)
        if to_do:
            basis = f"the {len(finished)} finished runs here" if finished else "the steps of model_cards/benchmark"
            typer.echo(f"about {minutes:.0f} minutes with {num_workers} workers, by {basis}")
        return

    try:
        failures = run_local(to_do, output, plan.name, workers or num_cores())
    except SystemExit:
        typer.echo("\nStopped. The same command goes on from the last checkpoints.", err=True)
        raise
    if failures:
        typer.echo(f"{len(failures)} of {len(to_do)} runs failed; the same command tries them again:", err=True)
        for run_id, cause in failures.items():
            typer.echo(f"  {run_id}: {cause}", err=True)
        raise typer.Exit(1)
    typer.echo(f"All runs are done. Next: hf-capacity report {output}")


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")]) -> None:
    """Print a study's tables, and write its report with figures."""
    from .report import write_report

    try:
        path = write_report(folder)
    except ValueError as error:
        raise _refuse(error) from None
    typer.echo(path.read_text())
    typer.echo(f"Written: {path}")


Source = Annotated[str, typer.Argument(metavar="MODEL", help="A run's folder, or a model on the Hub.")]
Step = Annotated[int | None, typer.Option(help="A kept checkpoint; by default the last.")]


@app.command()
def evaluate(
    source: Source,
    task: Annotated[str | None, typer.Option(help="For a model that does not say what it learned.")] = None,
    step: Step = None,
) -> None:
    """Score a model on the questions of its task."""
    import yaml

    from .display import show_marks
    from .inference import evaluate_model

    try:
        marks = evaluate_model(source, yaml.safe_load(task) if task else None, step=step)
    except ValueError as error:
        raise _refuse(error) from None
    show_marks(marks)


@app.command()
def ask(
    source: Source,
    prompt: Annotated[str, typer.Argument(help='Such as "<5+7=".')],
    step: Step = None,
) -> None:
    """Let a model go on from a prompt to the end of the line."""
    from .inference import ask as ask_model

    try:
        written = ask_model(source, prompt, step=step)
    except ValueError as error:
        raise _refuse(error) from None
    typer.echo(prompt + written)


if __name__ == "__main__":
    app()
