"""Many runs: a process a core, or a Ray cluster; what they will take, and how far they are."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"estimate": ["estimate_minutes"], "local": ["run_local"], "ray_pool": ["run_ray"]}
)
