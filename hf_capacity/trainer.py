"""The study's training on the stock `Trainer`: data order, loss, schedule and evaluation, by public hooks alone."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer, TrainingArguments

from .batches import WindowBatches
from .config import ExperimentConfig


def window_loss(model: torch.nn.Module, input_ids: torch.Tensor, shift_labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over all positions of all windows; both tensors are (batch, block)."""
    return cross_entropy(model(input_ids=input_ids).logits.flatten(0, 1).float(), shift_labels.flatten())


def learning_rate_factor(step: int, config: ExperimentConfig) -> float:
    """The share of the peak learning rate at `step`: linear warm-up, cosine, constant (arXiv 2506.09099)."""
    warmup_steps = round(config.warmup_ratio * config.steps)
    decay_steps = round(config.decay_ratio * config.steps)
    floor = config.min_learning_rate / config.learning_rate
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if step >= decay_steps:
        return floor
    progress = (step - warmup_steps) / (decay_steps - warmup_steps)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def compiler_fault() -> str | None:
    """Why training steps cannot be compiled here, in one line; None where they can."""
    try:
        torch.compile(torch.sin, dynamic=False)(torch.ones(8))
    except (RuntimeError, OSError) as error:  # what TorchDynamo and Inductor raise without a working compiler
        return str(error).strip().splitlines()[0]
    return None


class CapacityTrainer(Trainer):
    """A `Trainer` whose `train` and inner loop are stock, so that callbacks, trackers and resuming are the known ones.

    Args:
        model: A model of the ladder.
        config: The run.
        compiled: Whether the training step is compiled.
        args: As made by `training_arguments`.
        batches: The windows to train on.
        evaluation: Called at every evaluation, gives the metrics to log (a flat mapping of numbers).
        kwargs: What else a `Trainer` takes, such as `callbacks`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: ExperimentConfig,
        compiled: bool,
        args: TrainingArguments,
        batches: WindowBatches,
        evaluation: Callable[[int], dict[str, float]],
        **kwargs: Any,
    ):
        # The Trainer insists on an evaluation set where it is to evaluate; ours is what `evaluation` closes over.
        super().__init__(model=model, args=args, eval_dataset=[], **kwargs)
        self.remove_callback(PrinterCallback)
        self.config, self.batches, self.evaluation = config, batches, evaluation
        batches.first_batch = lambda: self.state.global_step
        # Compiled code is kept with the function; more than a few models in one process would fill its cache.
        torch.compiler.reset()
        self.window_loss = torch.compile(window_loss, dynamic=False) if compiled else window_loss

    def get_train_dataloader(self) -> WindowBatches:
        """Ready batches: a `DataLoader` would put them together row by row."""
        return self.batches

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """The study's schedule, scaled to the steps of this run."""
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(
                optimizer or self.optimizer, lambda step: learning_rate_factor(step, self.config)
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss over every target. Stock settings would scale it, and its gradient, by (block - 1) / block."""
        assert not return_outputs, "evaluation does not come this way"
        return self.window_loss(model, inputs["input_ids"], inputs["shift_labels"])

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Scores the model as it is now and logs what comes out."""
        self.model.eval()
        metrics = self.evaluation(self.state.global_step)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def training_arguments(config: ExperimentConfig, output_dir: str, **kwargs: Any) -> TrainingArguments:
    """The run's `TrainingArguments`; `kwargs` are more of them, such as `report_to`."""
    return TrainingArguments(
        output_dir=output_dir,
        max_steps=config.steps,
        # A batch comes ready from `WindowBatches`: this is its only "row".
        per_device_train_batch_size=1,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        adam_beta1=config.adam_beta1,
        adam_beta2=config.adam_beta2,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch_fused",
        seed=config.model_seed,
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        logging_steps=config.eval_steps,
        # A loss that is not a number has to be seen, not averaged away.
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=config.save_steps,
        # Batches are a function of the step: there is nothing to skip on resuming.
        ignore_data_skip=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        **kwargs,
    )
