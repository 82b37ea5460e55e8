"""`hf-capacity train`: one run of a study, in one process or in several that share each batch."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import echo, refuses_mistakes


if TYPE_CHECKING:
    from ..config.study import Study


@refuses_mistakes
def train(
    study: Annotated[str, typer.Argument(help="A YAML file, a packaged study such as quick, or a task's folder.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="What leaves one run of it.")
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option(help="Where the run goes; by default runs/STUDY.")] = None,
    report_to: Annotated[
        str, typer.Option(metavar="TRACKER", help="Log to tensorboard, trackio or wandb as well.")
    ] = "none",
    push_to_hub: Annotated[bool, typer.Option("--push-to-hub", help="Publish the finished run, privately.")] = False,
    hub_model_id: Annotated[str | None, typer.Option(help="USER/NAME; by default yours, after the run.")] = None,
) -> None:
    """Train one run: by itself, or under accelerate launch -m hf_capacity.cli, whose processes share each batch."""
    from ..runs.tracking import Tracking

    Tracking(report_to).check()
    plan = _plan_of_one(study, overrides or [])
    [run] = plan.runs()
    from ..experiment import run_experiment
    from ..runs.folder import RunLocked
    from ..sweep.display import Display

    where, explained_errors = {}, contextlib.nullcontext()
    if push_to_hub:
        from ..hub import translate_hub_errors

        where = _publishing(hub_model_id or run.run_id)
        explained_errors = translate_hub_errors(where["hub_model_id"])
    with _processes() as is_main, explained_errors, Display([run]) if is_main else contextlib.nullcontext() as display:

        def progress(step: int, row: dict[str, Any] | None) -> None:
            if display:
                display.progress(run.run_id, step, row)

        try:
            run_experiment(
                run,
                output or Path("runs") / plan.name,
                study=plan.name,
                progress=progress,
                report_to=report_to,
                **where,
            )
        except RunLocked as error:
            raise ValueError(str(error)) from None
        if display:
            display.done(run.run_id)


def _plan_of_one(study: str, overrides: list[str]) -> "Study":
    """The study, if it asks for one run."""
    from ..config.study import read_study
    from ..sweep.task_checks import check_tasks

    plan = read_study(study, overrides)
    if plan.num_runs != 1:
        raise ValueError(f"{study} asks for {plan.num_runs:,} runs: choose one, such as task=arithmetic model=n14.")
    check_tasks(plan.runs())
    return plan


@contextlib.contextmanager
def _processes() -> Iterator[bool]:
    """Joins the processes that `accelerate` started, if it did, and gives whether this is the one that reports."""
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        yield state.is_main_process
    finally:
        state.destroy_process_group()


def _publishing(repo_id: str) -> dict[str, Any]:
    """What publishes a finished run, once the Hub knows the user: asked before anything is trained."""
    from ..hub import log_in, model_repositories, upload

    repo_id = repo_id if "/" in repo_id else f"{log_in()}/{repo_id}"

    def publish(folder: Path) -> None:
        upload(model_repositories(folder, *repo_id.split("/")), public=False, report=echo)

    return {"publish": publish, "hub_model_id": repo_id}
