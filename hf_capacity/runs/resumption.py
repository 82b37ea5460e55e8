"""Where a run goes on: at its newest checkpoint that can be read, or at the start."""

import copy
import errno
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerState
from transformers.trainer_pt_utils import safe_globals

from ..boundary.reading import quote
from ..boundary.writing import Damaged
from ..data.task import Task
from .folder import RunFolder
from .schema import row_fault


logger = logging.getLogger(__name__)

# How torch says that there is no memory; the checkpoint may be as good as it was.
NO_MEMORY = ("out of memory", "allocate memory")
# Of the errors that look like the system's, those that a file causes: torch seeks before the start of half an archive.
OF_THE_CONTENT = (None, errno.EINVAL, errno.ENOENT)


def find_checkpoint(
    folder: RunFolder, task: Task, model: torch.nn.Module
) -> tuple[Path | None, int, list[dict[str, Any]]]:
    """The checkpoint to resume from, if any, its step, and the rows of the learning curve up to it.

    Args:
        folder: The run's; what a run cannot go on from is deleted, and the log says so.
        task: What the run trains on.
        model: The run's model, as it is at the start.

    Raises:
        OSError: A file cannot be read, for which the checkpoint is not to blame.
    """
    had_checkpoints = any(folder.path.glob("checkpoint-*"))
    found = folder.last_checkpoint()
    if had_checkpoints and not found:
        logger.warning("%s has no checkpoint to go on from. The run starts again.", folder.path)
    while found:
        checkpoint, step = found
        try:
            task.check_identity(folder.path)
            check_readable(checkpoint, step, model)
            curve = folder.go_on_from(checkpoint, step)
            _check_rows(folder, curve)
            return checkpoint, step, curve
        except Damaged as damage:
            folder.remove_checkpoint(checkpoint)
            found = folder.last_checkpoint()
            then = f"goes on from step {found[1]}" if found else "starts again"
            logger.warning("%s The run %s.", damage, then)
    folder.clear()
    task.write_identity(folder.path)
    return None, 0, []


def check_readable(checkpoint: Path, step: int, model: torch.nn.Module) -> None:
    """Reads a checkpoint as the Trainer will, into copies on the CPU.

    What fails here fails for what the checkpoint is; what fails in the Trainer may fail for want of memory, say.

    Raises:
        Damaged: It cannot be read, or is not of this model and step.
        OSError: The machine cannot read it now.
    """
    try:
        _load_weights(checkpoint, copy.deepcopy(model).cpu())
        _load_optimizer_and_schedule(checkpoint, step, copy.deepcopy(model).cpu())
        _load_random_states(checkpoint)
        state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        _refuse_unless(state.global_step == step, "it is of another step")
    except Exception as error:  # a file of another version, or half of one, can be wrong in any way
        is_the_systems = isinstance(error, OSError) and error.errno not in OF_THE_CONTENT
        if is_the_systems or isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            raise
        cause = quote(" ".join(f"{type(error).__name__}: {error}".split()))[1:-1]
        raise Damaged(f"{checkpoint} is as it was written, but cannot be read ({cause}).") from None


def _load_weights(checkpoint: Path, model: torch.nn.Module) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    surplus = model.load_state_dict(weights, strict=False).unexpected_keys
    _refuse_unless(not surplus, f"the model has no {surplus[:1]}")
    # By identity: of weights that are tied, a file has one.
    loaded = {id(tensor) for name, tensor in model.named_parameters(remove_duplicate=False) if name in weights}
    missing = [name for name, tensor in model.named_parameters() if id(tensor) not in loaded]
    _refuse_unless(not missing, f"it has no {missing[:1]}")


def _load_optimizer_and_schedule(checkpoint: Path, step: int, model: torch.nn.Module) -> None:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [[one for one in trained if one.ndim >= 2], [one for one in trained if one.ndim < 2]]
    optimizer = torch.optim.AdamW([{"params": group} for group in groups])
    schedule = LambdaLR(optimizer, lambda step: 1.0)
    optimizer.load_state_dict(torch.load(checkpoint / "optimizer.pt", map_location="cpu", weights_only=True))
    for parameter, state in optimizer.state.items():
        shapes = {state[name].shape for name in ("exp_avg", "exp_avg_sq")}
        _refuse_unless(shapes == {parameter.shape}, "its moments are of other shapes")
    _refuse_unless(optimizer.state, "it has no moments")
    schedule.load_state_dict(torch.load(checkpoint / "scheduler.pt", weights_only=True))
    _refuse_unless(schedule.last_epoch == step, "its schedule is at another step")


def _load_random_states(checkpoint: Path) -> None:
    for path in sorted(checkpoint.glob("rng_state*.pth")):  # one a process
        with safe_globals():
            states = torch.load(path, map_location="cpu", weights_only=True)
        random.Random().setstate(states["python"])
        np.random.RandomState().set_state(states["numpy"])
        torch.Generator().set_state(states["cpu"])


def _check_rows(folder: RunFolder, curve: list[dict[str, Any]]) -> None:
    for row in curve:
        fault = row_fault(row)
        if fault:
            raise Damaged(f"{folder.curve} is no sound learning curve: at step {row['step']}, {fault}.")


def _refuse_unless(fits: Any, otherwise: str) -> None:
    if not fits:
        raise ValueError(otherwise)
