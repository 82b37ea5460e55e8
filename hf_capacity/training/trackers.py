"""A run in a tracker, by the callbacks that come with the Trainer: its learning curve and its config."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback, TrackioCallback, WandbCallback

from ..config.experiment import ExperimentConfig
from ..runs.tracking import Tracking, wandb_mode


@contextlib.contextmanager
def open_tracker(tracking: Tracking, config: ExperimentConfig, output: Path) -> Iterator[list[TrainerCallback]]:
    """The callback that logs a run, closed at the end however that comes; none where there is no tracker.

    Args:
        tracking: Which tracker.
        config: The run.
        output: The study's folder.
    """
    if tracking.report_to == "none":
        yield []
        return
    callback = CALLBACKS[tracking.report_to](config, tracking.folder(output))
    try:
        yield [callback]
    finally:
        callback.close()


class OnTensorBoard(TensorBoardCallback):
    """Logs a run to `FOLDER/PROJECT/RUN_ID`."""

    def __init__(self, config: ExperimentConfig, folder: Path):
        super().__init__()
        self.config, self.folder = config, folder

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Opens the log. What an earlier session wrote after the checkpoint comes again: it is purged."""
        if state.is_world_process_zero:
            from torch.utils.tensorboard import SummaryWriter

            self.logging_dir = str(self.folder / args.project / args.run_name)
            first_step = state.global_step + 1 if state.global_step else 0
            self.tb_writer = SummaryWriter(self.logging_dir, purge_step=first_step)
            content = yaml.safe_dump(self.config.to_dict(), sort_keys=False)
            self.tb_writer.add_text("config", f"```yaml\n{content}```")
        super().on_train_begin(args, state, control, **kwargs)

    def close(self) -> None:
        """Closes the log of a run that has failed, or was evaluated after its last step."""
        if self.tb_writer:
            self.tb_writer.close()


class OnTrackio(TrackioCallback):
    """Logs a run to Trackio's database, where one of the same name is continued. What it prints would tear ours."""

    def __init__(self, config: ExperimentConfig, folder: None):
        super().__init__()
        self.config = config

    def setup(self, args: TrainingArguments, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Opens the tracked run."""
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):
            super().setup(args, state, model, **kwargs)
        if state.is_world_process_zero:
            trackio.config.update(self.config.to_dict())

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ends the tracked run."""
        with contextlib.redirect_stdout(io.StringIO()):
            super().on_train_end(args, state, control, **kwargs)

    def close(self) -> None:
        """Ends the tracked run of a run that has failed, or was evaluated after its last step."""
        import trackio

        if trackio.context_vars.current_run.get():
            with contextlib.redirect_stdout(io.StringIO()):
                trackio.finish()


class OnWandb(WandbCallback):
    """Logs a run to Weights & Biases, offline unless `WANDB_MODE` says otherwise; each session has the run's id."""

    def __init__(self, config: ExperimentConfig, folder: Path):
        super().__init__()
        self.config, self.folder = config, folder

    def setup(self, args: TrainingArguments, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Opens the tracked run."""
        import wandb

        if state.is_world_process_zero:
            wandb.init(
                project=args.project,
                name=args.run_name,
                id=args.run_name,
                dir=self.folder,
                mode=wandb_mode(),
                resume=None if wandb_mode() == "offline" else "allow",
                config=self.config.to_dict(),
                settings=wandb.Settings(silent=True, console="off"),
            )
        super().setup(args, state, model, **kwargs)

    def close(self) -> None:
        """Ends the tracked run: the stock callback leaves it open, for the next run of this process to go on with."""
        import wandb

        if wandb.run:
            wandb.finish()


CALLBACKS = {"tensorboard": OnTensorBoard, "trackio": OnTrackio, "wandb": OnWandb}
