"""The paper's training on the stock `Trainer`, and the kernel that makes its steps fast."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"trainer": ["CapacityTrainer"]})
