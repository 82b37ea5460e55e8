"""The metric as a repository to publish."""

from ..config.packaged import packaged_path
from .repository import MARK, Repository, Revision, check_owner


METRIC = "capacity_tradeoff"


def metric_repository(namespace: str) -> Repository:
    """The metric as a Space: `evaluate.load("NAMESPACE/capacity_tradeoff")`.

    Args:
        namespace: The user or organisation that publishes it.
    """
    folder = packaged_path("metrics", METRIC)
    repo_id = f"{check_owner(namespace)}/{METRIC}"  # `evaluate` looks for a script of the repository's name
    card = (folder / "README.md").read_text(encoding="utf-8").replace(f"hf_capacity/metrics/{METRIC}", repo_id)
    names = ("app.py", f"{METRIC}.py", "scoring.py", "requirements.txt")
    files = {"README.md": card.encode(), **{name: folder / name for name in names}}
    main = Revision(name="main", files=files)
    return Repository(repo_id=repo_id, repo_type="space", marks=(MARK,), revisions=(main,))
