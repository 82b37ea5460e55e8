"""Which runs a repository on the Hub holds, so that those of one plan never take the place of another's."""

import re
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError

from ..boundary.reading import quote, read_json, read_json_lines
from ..runs.originals import plan_digest
from ..runs.schema import KEPT_RECORDS
from .repository import PublishError, Repository


def published_runs(api: HfApi, where: dict[str, str]) -> set[str]:
    """The ids of the runs in a study's repository, a line each, or in that of its models, a branch each.

    Earlier versions published a study with a folder for each run.
    """
    if where["repo_type"] == "dataset":
        paths = {file.path for file in api.list_repo_tree(**where, recursive=True)}
        if KEPT_RECORDS in paths:
            return _runs_of(api, where)
        return {match[1] for match in map(re.compile(r"([^/]+)/record\.json").fullmatch, paths) if match}
    branches = [ref.name for ref in api.list_repo_refs(**where).branches]
    found = (_run_of(api, where, name) for name in branches if not name.endswith("-checkpoints"))
    return {run_id for run_id in found if run_id}


def refuse_other_runs(repository: Repository, published: set[str]) -> None:
    """Lets runs be added to those published, and none be lost.

    Raises:
        PublishError: Some of the published runs are not among those of `repository`.
    """
    own = set(repository.run_ids)
    lost = sorted(published - own)
    if not lost:
        return
    new = sorted(own - published)
    raise PublishError(
        f"{repository.repo_id} holds another plan: {_counted(published)}, with {quote(lost[0])}, which is not among "
        f"the {_counted(own)} to publish{f', with {new[0]!r}' if new else ''}. Nothing was written. "
        "Choose another name with `--name`, or publish a plan that contains the published one."
    )


def _counted(run_ids: set[str]) -> str:
    return f"{len(run_ids):,} {'run' if len(run_ids) == 1 else 'runs'} (plan:{plan_digest(run_ids)})"


def _runs_of(api: HfApi, where: dict[str, str]) -> set[str]:
    path = Path(api.hf_hub_download(**where, filename=KEPT_RECORDS))
    try:
        return {str(record["run_id"]) for record in read_json_lines(path)}
    except (ValueError, KeyError, TypeError):
        raise PublishError(
            f"{where['repo_id']} has a {KEPT_RECORDS} that does not name its runs. Choose another name with `--name`."
        ) from None


def _run_of(api: HfApi, where: dict[str, str], branch: str) -> str | None:
    """The run that a branch holds; None of one that holds nothing yet."""
    try:
        path = Path(api.hf_hub_download(**where, filename="record.json", revision=branch))
    except EntryNotFoundError:
        return None
    try:
        return str(read_json(path)["run_id"])
    except (ValueError, KeyError, TypeError):
        raise PublishError(
            f"{where['repo_id']} ({branch}) has a record.json that does not name its run. Choose another name with "
            "`--name`."
        ) from None
