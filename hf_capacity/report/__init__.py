"""Records to one page: the finding, the cells with their intervals, the figures, and how it was run."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"page": ["report_study", "write_report"]})
