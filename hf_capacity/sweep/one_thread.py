"""One thread a run, as the runs are what is done at once: to be imported before torch, which reads it when loaded."""

import os


os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
# Torch's own look for a GPU would keep it from processes that are forked afterwards; this one leaves it alone.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
