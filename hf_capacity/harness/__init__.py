"""Harnesses of others: a task's questions as a folder that lm-evaluation-harness or Inspect runs on any model."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"export": ["HARNESSES", "export_task", "write_export"]}
)
