"""Which runs a repository on the Hub holds: those of one plan, or of one person, never take another's place."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError

from ..boundary.reading import quote, read_json, read_json_lines
from ..runs.originals import plan_digest
from ..runs.schema import KEPT_RECORDS
from .repository import PublishError, Repository


def published_runs(api: HfApi, where: dict[str, str]) -> dict[str, str | None]:
    """The runs in a study's repository, a line each, or in that of its models, a branch each, by their ids.

    Returns:
        The digest of each run's weights; None where nothing says it. Earlier versions published a study with a folder
        for each run.
    """
    if where["repo_type"] == "dataset":
        paths = {file.path for file in api.list_repo_tree(**where, recursive=True)}
        if KEPT_RECORDS in paths:
            return _runs_of(api, where)
        found = filter(None, map(re.compile(r"([^/]+)/record\.json").fullmatch, paths))
        return {match[1]: None for match in found}
    branches = [ref.name for ref in api.list_repo_refs(**where).branches]
    found = (_run_of(api, where, name) for name in branches if not name.endswith("-checkpoints"))
    return dict(filter(None, found))


def refuse_other_runs(repository: Repository, published: Mapping[str, str | None]) -> None:
    """Lets runs be added to those published, and none be lost or replaced.

    Raises:
        PublishError: Some of the published runs are not among those of `repository`, or have other weights there.
    """
    own = repository.runs
    lost = sorted(set(published) - set(own))
    if lost:
        new = sorted(set(own) - set(published))
        raise PublishError(
            f"{repository.repo_id} holds another plan: {_counted(published)}, with {quote(lost[0])}, which is not "
            f"among the {_counted(own)} to publish{f', with {new[0]!r}' if new else ''}. Nothing was written. "
            "Choose another name with `--name`, or publish a plan that contains the published one."
        )
    replaced = sorted(run_id for run_id, weights in published.items() if weights and weights != own[run_id])
    if replaced:
        raise PublishError(
            f"{repository.repo_id} holds the same plan, trained elsewhere: {quote(replaced[0])} has other weights "
            "there. Nothing was written. Choose another name with `--name`, or publish the folder that it came from."
        )


def weights_of(record: Mapping[str, Any]) -> str | None:
    """The digest of a run's weights; None of a record of before it had any."""
    return record.get("files", {}).get("model.safetensors")


def _counted(run_ids: Iterable[str]) -> str:
    run_ids = list(run_ids)
    return f"{len(run_ids):,} {'run' if len(run_ids) == 1 else 'runs'} (plan:{plan_digest(run_ids)})"


def _runs_of(api: HfApi, where: dict[str, str]) -> dict[str, str | None]:
    path = Path(api.hf_hub_download(**where, filename=KEPT_RECORDS))
    try:
        return {str(record["run_id"]): weights_of(record) for record in read_json_lines(path)}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PublishError(
            f"{where['repo_id']} has a {KEPT_RECORDS} that does not name its runs. Choose another name with `--name`."
        ) from None


def _run_of(api: HfApi, where: dict[str, str], branch: str) -> tuple[str, str | None] | None:
    """The run that a branch holds; None of one that holds nothing yet."""
    try:
        path = Path(api.hf_hub_download(**where, filename="record.json", revision=branch))
    except EntryNotFoundError:
        return None
    try:
        record = read_json(path)
        return str(record["run_id"]), weights_of(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PublishError(
            f"{where['repo_id']} ({branch}) has a record.json that does not name its run. Choose another name with "
            "`--name`."
        ) from None
