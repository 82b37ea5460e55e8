"""Train one cell of a study, in one process or in several that share each batch.

    accelerate launch scripts/train.py --config configs/quick.yaml task=arithmetic model=n14
    OMP_NUM_THREADS=1 accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no \
        --dynamo_backend no scripts/train.py --config configs/quick.yaml task=arithmetic model=n14

The record and its folder are those of `hf-capacity run`. On two processes without GPUs `--multi_gpu` is what makes
`accelerate` start the second one; they talk over gloo.
"""

import contextlib
from pathlib import Path
from typing import Annotated

import torch
import typer
from accelerate import PartialState

from hf_capacity.boundary.shown import shown
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.folder import RunLocked
from hf_capacity.runs.tracking import Tracking
from hf_capacity.sweep.display import Display
from hf_capacity.sweep.task_checks import check_tasks


def main(
    config: Annotated[str, typer.Option(help="A study: a YAML file or a packaged name.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    *,
    output: Annotated[Path | None, typer.Option(help="Where the run goes; by default runs/STUDY.")] = None,
    report_to: Annotated[
        str, typer.Option(metavar="TRACKER", help="Log to tensorboard, trackio or wandb as well.")
    ] = "none",
    push_to_hub: Annotated[bool, typer.Option("--push-to-hub", help="Publish the finished run, privately.")] = False,
    hub_model_id: Annotated[str | None, typer.Option(help="USER/NAME; by default yours, after the run.")] = None,
) -> None:
    Tracking(report_to).check()
    study = read_study(config, overrides or [])
    runs = study.runs()
    check_tasks(runs)
    if len(runs) != 1:
        raise ValueError(f"{config} asks for {len(runs)} runs: choose one, such as task=arithmetic model=n14.")
    [run] = runs
    is_main = PartialState(cpu=not torch.cuda.is_available()).is_main_process
    publish, explained_errors = None, contextlib.nullcontext()
    if push_to_hub:
        from hf_capacity.hub import log_in, model_repository, translate_hub_errors, upload

        hub_model_id = hub_model_id or run.run_id
        if "/" not in hub_model_id:
            hub_model_id = f"{log_in()}/{hub_model_id}"
        explained_errors = translate_hub_errors(hub_model_id)

        def publish(folder: Path) -> None:
            upload([model_repository(folder, *hub_model_id.split("/"))], public=False, report=typer.echo)

    with Display(runs) if is_main else contextlib.nullcontext() as display:

        def progress(step, row):
            if is_main:
                display.progress(run.run_id, step, row)

        output = output or Path("runs") / study.name
        with explained_errors:
            run_experiment(
                run,
                output,
                study=study.name,
                progress=progress,
                report_to=report_to,
                publish=publish,
                hub_model_id=hub_model_id,
            )
        if is_main:
            display.done(run.run_id)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(refuses_mistakes(main))
    try:
        app()
    except RunLocked as error:
        typer.echo(f"Error: {shown(error)}", err=True)
        raise SystemExit(2) from None
    finally:
        PartialState().destroy_process_group()
