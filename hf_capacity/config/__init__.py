"""The experiment as data: what a run is, what a model is, and how a study's grid becomes runs. Loads no torch."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "experiment": ["ExperimentConfig", "PROTOCOL_VERSION", "StopWhen", "TaskConfig"],
        "model": ["LADDER", "ModelConfig"],
        "packaged": ["packaged_path"],
        "study": ["Study", "read_study"],
    },
)
