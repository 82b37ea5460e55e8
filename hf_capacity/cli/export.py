"""`hf-capacity export`: a task for a harness of others."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .errors import echo, refuses_mistakes


class Harness(StrEnum):
    """Which one."""

    LM_EVAL = "lm-eval"
    INSPECT = "inspect"


@refuses_mistakes
def export(
    harness: Annotated[Harness, typer.Argument(help="lm-eval (lm-evaluation-harness) or inspect.")],
    task: Annotated[str, typer.Argument(help="As a study's `task` has it; or a run's folder, for its task.")],
    *,
    output: Annotated[Path, typer.Option(help="The folder to write, which must not be there.")],
) -> None:
    """Write a task as a folder that a harness runs on any model."""
    from dataset_builders.preparing import check_output

    from ..boundary.reading import parse_yaml
    from ..harness import export_task, write_export

    check_output(output)
    exported = export_task(task if Path(task).is_dir() else parse_yaml(task, "`TASK`"))
    write_export(harness.value, exported, output)
    echo(f"Written: {output}, {len(exported.rows):,} questions. Next, with a model in place of MODEL:")
    folder = shlex.quote(str(output))
    echo(
        f"  lm_eval --model hf --model_args pretrained=MODEL --include_path {folder} --tasks {exported.name}"
        if harness is Harness.LM_EVAL
        else f"  inspect eval {folder}/task.py --model hf/MODEL --model-config {folder}/model.yaml"
    )
