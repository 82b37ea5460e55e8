"""The project's `evaluate` metrics: one folder each, laid out as a Hub Space and free of imports from this package."""
