"""`hf-capacity publish`: models, studies, their demos, tasks and the metric to the Hub."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import echo, refuses_mistakes


if TYPE_CHECKING:
    from ..hub import Repository

publish = typer.Typer(help="Publish models, studies, demos, tasks or the metric on the Hub.", no_args_is_help=True)
Data = Annotated[bool, typer.Option("--data/--no-data", help="Whether to publish the tasks that cards name, too.")]
Name = Annotated[str | None, typer.Option(help="Of the repository; by default after what is published.")]
StudyName = Annotated[
    str | None, typer.Option("--name", help="With which all repositories of its own begin; by default the folder's.")
]


def _publish(
    make: Callable[[str], list["Repository"]],
    *,
    namespace: Annotated[str | None, typer.Option(help="A user or an organisation; by default you.")] = None,
    public: Annotated[bool, typer.Option("--public", help="For everybody to see; by default it is private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the same folders to disk instead.")] = False,
    output: Annotated[Path, typer.Option("--output", help="Where a dry run writes.")] = Path("hub"),
) -> None:
    """Publishes the repositories that `make` makes for a namespace, or writes them to disk."""
    from ..hub import log_in, upload, write_to_disk

    if not dry_run:
        upload(make(namespace or log_in()), public=public, report=echo)
        return
    for folder in write_to_disk(make(namespace or "YOUR-NAME"), output):
        echo(f"Written: {folder}")
    if not namespace:
        echo("The cards call you YOUR-NAME: give yours by `--namespace`.")


def publishes(make: Callable[..., list["Repository"]]) -> Callable[..., None]:
    """Decorates what makes repositories for an owner, its first argument: the command takes its other arguments, and
    the options that all these commands share."""
    _, *own = inspect.signature(make).parameters.values()
    shared = {name: one for name, one in inspect.signature(_publish).parameters.items() if name != "make"}

    def command(**given: Any) -> None:
        options = {name: given.pop(name) for name in shared}
        _publish(lambda owner: make(owner, **given), **options)

    command.__name__, command.__doc__ = make.__name__, make.__doc__
    command.__signature__ = inspect.Signature([*own, *shared.values()])
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared.values())}
    return publish.command(make.__name__)(refuses_mistakes(command))


@publishes
def model(
    owner: str,
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    name: Name = None,
    data: Data = True,
) -> list["Repository"]:
    """One run: its model, with kept checkpoints as tags, and its task."""
    from ..hub import model_repositories

    return model_repositories(run, owner, name, data=data)


@publishes
def study(
    owner: str,
    folder: Annotated[Path, typer.Argument(help="A finished study's folder.")],
    name: StudyName = None,
    data: Data = True,
) -> list["Repository"]:
    """A repository for each model, seeds as branches, and one with the ladder's card and all records; with its tasks,
    and gathered in a collection."""
    from ..hub import study_repositories

    return study_repositories(folder, owner, name, data=data)


@publishes
def dataset(
    owner: str, task: Annotated[str, typer.Argument(help="A task's name, such as arithmetic.")], name: Name = None
) -> list["Repository"]:
    """A task, as `load_dataset` loads it."""
    from ..hub import dataset_repository

    return [dataset_repository(task, owner, name)]


@publishes
def metric(owner: str) -> list["Repository"]:
    """The metric, as a Space that `evaluate.load` loads."""
    from ..hub import metric_repository

    return [metric_repository(owner)]


@publishes
def demo(
    owner: str,
    folder: Annotated[Path, typer.Argument(help="A finished study's folder, or a kept one with its weights.")],
    name: Name = None,
) -> list["Repository"]:
    """A study's demo, as a Space on which everybody asks its models."""
    from ..hub import demo_repository

    return [demo_repository(folder, owner, name)]
