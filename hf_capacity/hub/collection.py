"""The collection on the Hub that gathers what is published of a study."""

from collections.abc import Sequence

from huggingface_hub import Collection, HfApi

from .repository import PublishError, Repository


# A collection has no tags: only one that is described like this is ever changed.
DESCRIPTION = "A study's models, records and data, published with hf-capacity."


def own_collection(api: HfApi, namespace: str, title: str) -> Collection:
    """The collection of a title, which is made, empty and private, where there is none.

    Raises:
        PublishError: There is one, and it is somebody's own.
    """
    collection = api.create_collection(
        title, namespace=namespace, description=DESCRIPTION, private=True, exists_ok=True
    )
    if collection.description != DESCRIPTION:
        raise PublishError(
            f"{namespace} has a collection {title!r} already, which gathers something else ({collection.url}). Choose "
            "another name with `--name`."
        )
    return collection


def gather(api: HfApi, collection: Collection, repositories: Sequence[Repository]) -> None:
    """Adds the repositories that are not in the collection, the last of them first: it leads to the others."""
    there = {(item.item_type, item.item_id) for item in collection.items}
    for repository in reversed(repositories):
        if (repository.repo_type, repository.repo_id) not in there:
            api.add_collection_item(collection.slug, repository.repo_id, repository.repo_type, exists_ok=True)
