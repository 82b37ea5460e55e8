"""The laboratory for how a language model's capacity decides between memorising and generalising.

What is public here is loaded when it is first used: `import hf_capacity` alone loads no torch.
"""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["ExperimentConfig"],
        "evaluation": ["ask", "evaluate_model", "probe_model"],
        "experiment": ["run_experiment"],
        "report": ["report_study"],
        "runs": ["load_results"],
        "study": ["RunsFailed", "run_study"],
    },
)
