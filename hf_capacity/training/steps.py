"""How a run does its training steps: by the kernel, compiled or plainly, and why; and what their loss is."""

import functools
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn.functional import cross_entropy

from ..config.experiment import ExperimentConfig
from ..config.model_keys import LADDERS_TYPE
from .kernel import VERSION, FusedLoss, window_loss_library


logger = logging.getLogger(__name__)

# Planned steps from which `torch.compile` repays itself on one core: it takes 11 to 14 s, and saves 2 to 3 ms a step
# of the paper's batches (on arithmetic n14 8.9 -> 6.4 ms, n28 12.7 -> 9.5 ms; less for n56).
STEPS_THAT_REPAY_COMPILING = 5_000

Implementation = Literal["fused", "compiled", "plain"]


@dataclass(frozen=True)
class TrainingStep:
    """How the training steps of a run are done.

    Args:
        implementation: Which way.
        fault: Why not the way that was planned, if it was not.
        loss: The kernel, bound to the run's model, or `window_loss`, compiled or not.
    """

    implementation: Implementation
    fault: str | None
    loss: FusedLoss | Callable[..., torch.Tensor]

    @property
    def provenance(self) -> dict[str, Any]:
        """What a record says of it; of the kernel, also what moves its last digits from machine to machine."""
        said: dict[str, Any] = {}
        if self.implementation == "fused":
            library = window_loss_library()
            said = {
                "kernel_version": VERSION,
                "compiler": library.compiler,
                "instruction_set": library.instruction_set,
            }
        return said | {"training_step": self.implementation, "training_step_fault": self.fault}

    def kernel_version(self, windows_WT: torch.Tensor, targets_WT: torch.Tensor | None = None) -> int | None:
        """The kernel's version, where versions differ in the last digits: over rows of different lengths."""
        last_W = (windows_WT if targets_WT is None else targets_WT)[:, -1]
        is_ragged = bool((last_W < 0).any())
        return VERSION if self.implementation == "fused" and is_ragged else None


def choose_step(
    config: ExperimentConfig, model: torch.nn.Module, device: torch.device, num_processes: int = 1
) -> TrainingStep:
    """Chooses the fastest way for a run and builds its loss; where this machine cannot, the plain one, with a warning.

    Args:
        config: The run.
        model: Its model, on `device`.
        device: Where it trains.
        num_processes: Processes that share a batch.
    """
    implementation = step_implementation(config, device.type, num_processes)
    fault = implementation_fault(implementation)
    if fault:
        logger.warning("There is no %s training step here; the plain one is slower: %s", implementation, fault)
        implementation = "plain"
    return TrainingStep(implementation, fault, build_loss(implementation, model, config))


def window_loss(
    model: torch.nn.Module,
    windows_WT: torch.Tensor,
    offsets_W: torch.Tensor | None = None,
    targets_WT: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean cross-entropy in nats over all targets of all windows.

    Args:
        model: The model.
        windows_WT: Token ids, (windows, block + 1); a window has fewer, and then no targets.
        offsets_W: At which of the model's positions each window begins; at the first if not given.
        targets_WT: What is to be predicted after each token but the last, (windows, block), and `NO_TARGET` where
            nothing is; the next token if not given.
    """
    ids_WT, positions = windows_WT[:, :-1].clamp(min=0), {}
    if offsets_W is not None:
        place_T = torch.arange(ids_WT.shape[1], device=ids_WT.device)
        # Where nothing is to be read any position will do; that of a window's last token may be one past the end.
        positions = {"position_ids": torch.where(windows_WT[:, 1:] < 0, 0, place_T + offsets_W[:, None])}
    logits = model(input_ids=ids_WT, **positions).logits
    logits_NV = logits.flatten(0, 1).float()
    if targets_WT is None:
        return cross_entropy(logits_NV, windows_WT[:, 1:].flatten())
    # A batch whose rows are all cut behind their answers has no target, and teaches nothing.
    return cross_entropy(logits_NV, targets_WT.flatten(), reduction="sum") / (targets_WT >= 0).sum().clamp(min=1)


def step_implementation(config: ExperimentConfig, device_type: str, num_processes: int = 1) -> Implementation:
    """The fastest way to do the training steps of a run; a function of what was planned, so that resuming keeps to it.

    The kernel knows the ladder's type of model on a CPU, without dropout. One core, ms a bare step, compiled -> it:
    arithmetic n14 6.3 -> 0.9, n28 9.8 -> 1.9, n56 23 -> 5.5; both n14 12.7 -> 2.3, n28 19.4 -> 4.7, n56 46 -> 12.5.
    Other types gain by compiling what the ladder does, or more: at width 28 on arithmetic, plain -> compiled, llama
    16.1 -> 13.3, gpt_neox 15.5 -> 13.2, mamba 143 -> 67.
    Several processes go the plain way: it is the model's own `forward` that makes them exchange their gradients.
    """
    if config.training_step == "plain" or num_processes > 1:
        return "plain"
    is_ladders = config.model.model_type == LADDERS_TYPE and config.model.dropout == 0
    if is_ladders and device_type == "cpu" and not config.bf16:
        return "fused"
    return "compiled" if config.steps >= STEPS_THAT_REPAY_COMPILING else "plain"


def implementation_fault(implementation: Implementation) -> str | None:
    """Why there can be no such training step here, in one line; None where there can."""
    try:
        if implementation == "fused":
            window_loss_library()
        elif implementation == "compiled":
            torch.compile(torch.sin, dynamic=False)(torch.ones(8))
    except (RuntimeError, OSError) as error:  # a `KernelFault`, or torch's compiler without one of its own
        return str(error).strip().splitlines()[0]
    return None


def build_loss(
    implementation: Implementation, model: torch.nn.Module, config: ExperimentConfig
) -> FusedLoss | Callable[..., torch.Tensor]:
    """The loss of a run's training steps: the kernel, bound to `model`, or `window_loss`, compiled or not."""
    if implementation == "fused":
        return FusedLoss(model)
    if implementation == "compiled":
        return _compiled_window_loss(config.model, config.batch_size, config.block_size, config.bf16)
    return window_loss


@functools.lru_cache(maxsize=1)
def _compiled_window_loss(*shape: Any) -> Callable[..., torch.Tensor]:
    """Compiled once for all runs of one shape that follow each other in a process."""
    torch.compiler.reset()  # compiled code is kept with the function, whose store is small
    # What torch warns of is harmless in transformers' mamba: its cached functions ask which packages there are.
    warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
    return torch.compile(window_loss, dynamic=False)
