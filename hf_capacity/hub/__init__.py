"""Models, studies, tasks and the metric as repositories on the Hub, or as the same folders on disk."""

from .client import PublishError, explained, log_in, upload
from .contents import dataset_repository, metric_repository, model_repository, study_repositories
from .repository import Repository, Revision, write_to_disk


__all__ = [
    "PublishError",
    "Repository",
    "Revision",
    "dataset_repository",
    "explained",
    "log_in",
    "metric_repository",
    "model_repository",
    "study_repositories",
    "upload",
    "write_to_disk",
]
