"""What a run does beside its steps: whole checkpoints, kept weights, progress, a rank held, and its early end."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..config.stop_when import StopWhen
from ..models.start import reduce_rank
from ..runs.folder import RunFolder
from ..runs.session import Progress


class Keeper(TrainerCallback):
    """Makes the Trainer's checkpoints whole, keeps the weights that were asked for, and reports progress."""

    SECONDS_BETWEEN_REPORTS = 0.5

    def __init__(self, folder: RunFolder, kept_steps: Sequence[int], progress: Progress, save: Callable[[Path], None]):
        self.folder, self.kept_steps, self.progress, self.save = folder, frozenset(kept_steps), progress, save
        self.reported = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if time.monotonic() - self.reported > self.SECONDS_BETWEEN_REPORTS:
            self.reported = time.monotonic()
            self.progress(state.global_step, None)
        if state.global_step in self.kept_steps and state.is_world_process_zero:
            self.folder.keep_weights(state.global_step, self.save)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if args.world_size > 1:
            torch.distributed.barrier()  # every process has its own random state to write
        if state.is_world_process_zero:
            self.folder.seal_checkpoint(state.global_step)


class Stopper(TrainerCallback):
    """Ends a run when its criterion has held at so many evaluations in a row, those before a resumption included."""

    def __init__(self, stop_when: StopWhen | None, curve: list[dict[str, Any]]):
        self.stop_when, self.curve = stop_when, curve

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.stop_when and self.stop_when.holds(self.curve):
            control.should_training_stop = True
            control.should_save = False  # a run resumed from here would not know that it is at its end


class RankHolder(TrainerCallback):
    """Holds the token embedding to a rank: after each step it is replaced by the nearest matrix that has it."""

    def __init__(self, embedding_VD: torch.nn.Parameter, rank: int | None):
        self.embedding_VD, self.rank = embedding_VD, rank

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.rank and self.embedding_VD.requires_grad:
            reduce_rank(self.embedding_VD, self.rank)
