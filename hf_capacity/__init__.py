"""The laboratory for how a language model's capacity decides between memorising and generalising.

What is public here is loaded when it is first used: `import hf_capacity` alone loads no torch.
"""

import importlib
from typing import Any


_ROOMS = {
    "ExperimentConfig": "config",
    "ask": "inference",
    "evaluate_model": "inference",
    "load_results": "results_table",
    "run_experiment": "experiment",
    "write_report": "report",
}

__all__ = ["ExperimentConfig", "ask", "evaluate_model", "load_results", "run_experiment", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
