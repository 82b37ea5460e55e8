"""A run on disk: how it is written, read, vouched for and taken up again, and all runs of a study as one table."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folder": ["RunFolder", "RunLocked"],
        "kept": ["load_curves", "load_records"],
        "records": ["read_curve", "read_record", "read_records"],
        "table": ["export_table", "load_results"],
    },
)
