"""Repositories to the Hub: private until they are whole, repeatable, and with every refusal in plain words."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import disable_progress_bars
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from ..boundary.shown import HIDDEN, hide_secrets
from .collection import gather, own_collection
from .published_runs import published_runs, refuse_other_runs
from .repository import PublishError, Repository, Revision


ATTEMPTS = 5
FIRST_WAIT = 1.0  # seconds; then twice as long each time
# What may pass by itself: too much at once, two writers at once, and all that is the server's own trouble.
MAY_PASS = (408, 409, 412, 429)
GOES_ON = "The same command goes on where this one stopped."


def log_in() -> str:
    """The user whose token is at hand.

    Raises:
        PublishError: There is none, the Hub does not take it, or cannot be reached.
    """
    return _with_retries(lambda: HfApi().whoami()["name"], "your account")


def upload(repositories: Sequence[Repository], *, public: bool, report: Callable[[str], Any]) -> None:
    """Publishes repositories one after another, each revision in one commit and `main` last.

    All are private while this goes on, and stay so unless `public`. What is there already is left alone, so that a
    repeated call does only what is missing; nothing is written over that was not published by this function. Where
    the last one is an index, a collection of its name gathers them all once they are whole.

    Args:
        repositories: What to publish, in this order.
        public: Whether to make them public, after the last is whole.
        report: Called with a line for each repository.

    Raises:
        PublishError: A repository's name is taken, or the Hub refused; says how far it came.
    """
    disable_progress_bars()
    api = HfApi(library_name="hf-capacity")
    along = [repository.repo_type == "dataset" for repository in repositories[:-1]] + [False]  # the tasks of models
    were_private = [_free_or_ours(api, *pair) for pair in zip(repositories, along, strict=True)]
    collection = None
    if repositories[-1].is_index:
        namespace, title = repositories[-1].repo_id.split("/")
        name = f"the collection {title!r}"
        collection = _with_retries(partial(own_collection, api, namespace, title), name)
    for done, repository in enumerate(repositories):
        so_far = f" {done} of {len(repositories)} repositories are complete. {GOES_ON}"
        _publish_repository(api, repository, so_far, report)
    if collection:
        so_far = f" All repositories are complete. {GOES_ON}"
        _with_retries(partial(gather, api, collection, repositories), name, so_far)
        report(f"{collection.url}  collection of {len(repositories)}")
    so_far = f" All are complete, but not all are public yet. {GOES_ON}"
    for repository, was_private in zip(repositories, were_private, strict=True):
        if public and was_private:
            show = partial(api.update_repo_settings, **_where(repository), private=False)
            _with_retries(show, repository.repo_id, so_far)
        elif not public and not was_private:
            report(f"{repository.repo_id} was public already, and stays public.")
    if collection and public and collection.private:
        _with_retries(partial(api.update_collection_metadata, collection.slug, private=False), name, so_far)


def _where(repository: Repository) -> dict[str, str]:
    return {"repo_id": repository.repo_id, "repo_type": repository.repo_type}


def _publish_repository(api: HfApi, repository: Repository, so_far: str, report: Callable[[str], Any]) -> None:
    where = _where(repository)
    sdk = {"space_sdk": "gradio"} if repository.repo_type == "space" else {}
    create = partial(api.create_repo, **where, **sdk, private=True, exist_ok=True)
    url = _with_retries(create, repository.repo_id, so_far)
    for revision in repository.revisions:
        name = f"{repository.repo_id} ({revision.name})"
        _with_retries(partial(_publish_revision, api, where, revision), name, so_far)
    report(f"{hide_secrets(url)}  {', '.join(revision.name for revision in reversed(repository.revisions))}")


def _free_or_ours(api: HfApi, repository: Repository, is_along: bool) -> bool:
    """Whether a repository is private, or does not exist yet; refuses one that is somebody else's work."""
    where = _where(repository)

    def look():
        try:
            info = api.repo_info(**where)
            return info, api.list_repo_commits(**where)
        except RepositoryNotFoundError as error:
            if error.response.status_code == 401:
                raise
            return None, []

    info, commits = _with_retries(look, repository.repo_id)
    if info is None:
        return True
    tags = (info.card_data or {}).get("tags") or []
    if len(commits) > 1 and not set(repository.marks) <= set(tags):
        raise PublishError(
            f"{repository.repo_id} is taken: that {repository.repo_type} repository holds something else "
            f"(its card has not the tags {', '.join(repository.marks)}). "
            f"{'Leave the task out with `--no-data`.' if is_along else 'Choose another name with `--name`.'}"
        )
    if repository.runs:
        read = partial(published_runs, api, where)
        refuse_other_runs(repository, _with_retries(read, repository.repo_id))
    return bool(info.private)


def _publish_revision(api: HfApi, where: dict[str, str], revision: Revision) -> None:
    """Makes a branch or a tag hold the files of `revision`; may be repeated after whatever happened to it."""
    refs = api.list_repo_refs(**where)
    tags = {tag.name for tag in refs.tags}
    is_tag = revision.on_branch is not None
    if is_tag and revision.name in tags:
        if not _changes(api, where, revision, at=revision.name):
            return
        api.delete_tag(**where, tag=revision.name)
    branch = revision.on_branch or revision.name
    if branch not in {known.name for known in refs.branches}:
        # From the first commit, which is empty: the branch never shows the files of another run.
        first = api.list_repo_commits(**where)[-1].commit_id
        api.create_branch(**where, branch=branch, revision=first, exist_ok=True)
    changes = _changes(api, where, revision, at=branch)
    if changes:
        message = f"Publish {revision.name} with hf-capacity"
        api.create_commit(**where, operations=changes, commit_message=message, revision=branch)
    if is_tag:
        api.create_tag(**where, tag=revision.name, revision=branch, exist_ok=True)


def _changes(
    api: HfApi, where: dict[str, str], revision: Revision, at: str
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Which files have to be written or deleted."""
    there = {
        file.path: file.lfs.sha256 if file.lfs else file.blob_id
        for file in api.list_repo_tree(**where, revision=at, recursive=True)
        if isinstance(file, RepoFile) and file.path != ".gitattributes"
    }
    operations: list[CommitOperationAdd | CommitOperationDelete] = []
    for name, content in revision.files.items():
        addition = CommitOperationAdd(name, content)
        if there.pop(name, None) not in (addition.upload_info.sha256.hex(), _blob_id(addition)):
            operations.append(addition)
    return operations + [CommitOperationDelete(name) for name in there]


def _blob_id(addition: CommitOperationAdd) -> str:
    """Git's name for a file's content."""
    with addition.as_file() as file:
        content = file.read()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _with_retries(call: Callable[[], Any], what: str, so_far: str = "") -> Any:
    """Calls again what may pass by itself, and says of what does not pass why."""
    retrying = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=FIRST_WAIT, max=30),
        reraise=True,
    )
    with translate_hub_errors(what, so_far):
        return retrying(call)


@contextlib.contextmanager
def translate_hub_errors(what: str, so_far: str = "") -> Iterator[None]:
    """Lets what the Hub's client raises come out as a `PublishError` about `what`."""
    try:
        yield
    except (HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, RuntimeError) as error:
        cause = _cause(error)
        if isinstance(cause, RuntimeError):
            raise
        token = get_token()
        reason = f"{what}: {_reason(cause)}{so_far}"
        raise PublishError(hide_secrets(reason.replace(token, HIDDEN) if token else reason)) from None


def _cause(error: BaseException) -> BaseException:
    """What is behind an error: the client reports a large file's failure in a bare `RuntimeError`."""
    return _cause(error.__cause__) if isinstance(error, RuntimeError) and error.__cause__ else error


def _may_pass(error: BaseException) -> bool:
    error = _cause(error)
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in MAY_PASS or error.response.status_code >= 500
    return isinstance(error, HTTPError)  # no answer at all


def _reason(error: Exception) -> str:
    if isinstance(error, LocalTokenNotFoundError):
        return "there is no token. Log in with `hf auth login`, or set HF_TOKEN."
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be published. Unset it, or look at `--dry-run`."
    if not isinstance(error, HfHubHTTPError):
        return f"the Hub did not answer in {ATTEMPTS} attempts ({type(error).__name__}): is there a network?"
    status, said = error.response.status_code, " ".join((error.server_message or "").split())
    reasons = {
        401: "the Hub does not know the token. Log in again with `hf auth login`, or set another HF_TOKEN.",
        403: "you may not write there. The token needs permission to write, and the namespace has to be yours or that "
        "of an organisation of yours.",
        409: f"somebody else wrote there in each of {ATTEMPTS} attempts.",
        412: f"somebody else wrote there in each of {ATTEMPTS} attempts.",
        429: f"the Hub asked for fewer requests in each of {ATTEMPTS} attempts. Wait a while.",
    }
    otherwise = f"the Hub failed in each of {ATTEMPTS} attempts." if status >= 500 else "the Hub refused."
    return f"{reasons.get(status, otherwise)} ({status}{': ' + said if said else ''})"
