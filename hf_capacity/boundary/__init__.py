"""What comes in from outside, and what goes out: files read strictly and written whole, text made safe to show."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reading": ["read_json", "read_text", "read_yaml"],
        "shown": ["shown", "hide_secrets"],
        "writing": ["Damaged", "write_atomically"],
    },
)
