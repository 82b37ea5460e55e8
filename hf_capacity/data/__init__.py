"""Text to tensors: characters, windows or lines, and their order."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "batches": ["LineBatches", "WindowBatches"],
        "curriculum": ["Curriculum"],
        "tokenizer": ["build_tokenizer", "encode"],
    },
)
