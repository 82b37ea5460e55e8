"""Models, studies, tasks and the metric as repositories on the Hub, or as the same folders on disk."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "client": ["PublishError", "log_in", "translate_hub_errors", "upload"],
        "contents": [
            "index_repository",
            "model_repositories",
            "study_repositories",
        ],
        "dataset": ["benchmark", "dataset_repository"],
        "metric": ["metric_repository"],
        "space": ["demo_repository"],
        "repository": ["Repository", "Revision", "write_to_disk"],
    },
)
