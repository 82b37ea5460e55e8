"""What a model knows: exact match on its task's questions, memorised bits, and trained models scored or asked."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "exam": ["Exam"],
        "inference": ["evaluate_model", "probe_model"],
        "trained_model": ["ask", "load_model"],
    },
)
