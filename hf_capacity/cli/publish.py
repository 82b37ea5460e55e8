"""`hf-capacity publish`: models, studies, tasks and the metric to the Hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .errors import echo, refuses_mistakes


publish = typer.Typer(help="Publish models, studies, tasks or the metric on the Hub.", no_args_is_help=True)
Namespace = Annotated[str | None, typer.Option(help="A user or an organisation; by default you.")]
Name = Annotated[str | None, typer.Option(help="Of the repository; by default after what is published.")]
Public = Annotated[bool, typer.Option("--public", help="For everybody to see; by default it is private.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write the same folders to disk instead.")]
DryRunFolder = Annotated[Path, typer.Option("--output", help="Where a dry run writes.")]


def _publish(make: Callable[[str], list], namespace: str | None, public: bool, dry_run: bool, output: Path) -> None:
    """Publishes the repositories that `make` makes for a namespace, or writes them to disk."""
    from ..hub import log_in, upload, write_to_disk

    if not dry_run:
        upload(make(namespace or log_in()), public=public, tell=echo)
        return
    for folder in write_to_disk(make(namespace or "YOUR-NAME"), output):
        echo(f"Written: {folder}")
    if not namespace:
        echo("The cards call you YOUR-NAME: `--namespace` tells them your name.")


@publish.command("model")
@refuses_mistakes
def publish_model(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    name: Name = None,
    namespace: Namespace = None,
    public: Public = False,
    dry_run: DryRun = False,
    output: DryRunFolder = Path("hub"),
) -> None:
    """One run: its model, with kept checkpoints as tags."""
    from ..hub import model_repository

    _publish(lambda owner: [model_repository(run, owner, name)], namespace, public, dry_run, output)


@publish.command("study")
@refuses_mistakes
def publish_study(
    folder: Annotated[Path, typer.Argument(help="A finished study's folder.")],
    name: Name = None,
    namespace: Namespace = None,
    public: Public = False,
    dry_run: DryRun = False,
    output: DryRunFolder = Path("hub"),
) -> None:
    """A repository for each model, seeds as branches, and one with the ladder's card and all records."""
    from ..hub import study_repositories

    _publish(lambda owner: study_repositories(folder, owner, name), namespace, public, dry_run, output)


@publish.command("dataset")
@refuses_mistakes
def publish_dataset(
    task: Annotated[str, typer.Argument(help="A task's name, such as arithmetic.")],
    name: Name = None,
    namespace: Namespace = None,
    public: Public = False,
    dry_run: DryRun = False,
    output: DryRunFolder = Path("hub"),
) -> None:
    """A task, as `load_dataset` loads it."""
    from ..hub import dataset_repository

    _publish(lambda owner: [dataset_repository(task, owner, name)], namespace, public, dry_run, output)


@publish.command("metric")
@refuses_mistakes
def publish_metric(
    namespace: Namespace = None,
    public: Public = False,
    dry_run: DryRun = False,
    output: DryRunFolder = Path("hub"),
) -> None:
    """The metric, as a Space that `evaluate.load` loads."""
    from ..hub import metric_repository

    _publish(lambda owner: [metric_repository(owner)], namespace, public, dry_run, output)
