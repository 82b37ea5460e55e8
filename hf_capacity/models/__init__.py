"""Models: built from a config, read from a folder or the Hub, and made to write."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"build": ["build_model", "count_parameters"], "folder": ["model_folder"]}
)
