"""The paper's training on the stock `Trainer`: data order, loss, schedule and evaluation, by public hooks alone."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer, TrainingArguments

from ..config.experiment import ExperimentConfig
from ..data.batches import Batches
from .kernel import FusedLoss


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


class CapacityTrainer(Trainer):
    """A `Trainer` whose `train` and inner loop are stock, so that callbacks, trackers and resuming are the known ones.

    Args:
        model: The model of the run.
        config: The run.
        loss: As made by `choose_step`.
        batches: The windows to train on; distinct ones for the kernel.
        evaluation: Called at every evaluation, gives the metrics to log (a flat mapping of numbers).
        args: As made by `training_arguments`.
        publish: What `push_to_hub` does with the run's folder.
        kwargs: What else a `Trainer` takes, such as `callbacks`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: ExperimentConfig,
        loss: FusedLoss | Callable[..., torch.Tensor],
        batches: Batches,
        evaluation: Callable[[int], dict[str, float]],
        *,
        args: TrainingArguments,
        publish: Callable[[Path], Any] | None = None,
        **kwargs: Any,
    ):
        # The Trainer insists on an evaluation set where it is to evaluate; ours is what `evaluation` closes over.
        super().__init__(model=model, args=args, eval_dataset=[], **kwargs)
        self.remove_callback(PrinterCallback)
        self.config, self.batches, self.evaluation, self.publish = config, batches, evaluation, publish
        batches.first_batch = lambda: self.state.global_step
        self.loss = loss
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if isinstance(loss, FusedLoss):
            # What the loop clips and clears; to find it among a model's modules takes 0.1 ms a step.
            self.model_wrapped = torch.nn.ParameterList(trained)
        self.operations_a_step = 6 * sum(map(torch.numel, trained)) * config.batch_size * config.block_size

    def get_train_dataloader(self) -> Batches:
        """Ready batches: a `DataLoader` would put them together row by row."""
        return self.batches

    def get_decay_parameter_names(self, model: torch.nn.Module) -> list[str]:
        """Matrices, whatever a type calls the rest: the stock method goes by names."""
        return [name for name, parameter in model.named_parameters() if parameter.ndim >= 2]

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """The paper's schedule, scaled to the steps of this run."""
        if isinstance(self.loss, FusedLoss) and isinstance(self.optimizer, AcceleratedOptimizer):
            # All that accelerate's adds on one CPU is to look for a package on disk, twice a step: 0.16 ms.
            self.optimizer = self.optimizer.optimizer
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(
                optimizer or self.optimizer, lambda step: learning_rate_factor(step, self.config)
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Loss and gradients of one batch. The kernel gives both at once, and needs nothing that autograd does."""
        if isinstance(self.loss, FusedLoss):
            return torch.tensor(self.loss.backward(**inputs))
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss over every target. Stock settings would scale it, and its gradient, by (block - 1) / block."""
        assert not return_outputs, "evaluation does not come this way"
        return self.loss(model, **inputs)

    def floating_point_ops(self, inputs: dict[str, torch.Tensor]) -> int:
        """Operations of one step, six a weight and position; the stock method counts weights again at every step."""
        return self.operations_a_step

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

    def push_to_hub(self, *args: Any, **kwargs: Any) -> None:
        """Publishes the finished run. The stock method would upload its arguments, a pickle, and an empty card."""
        if self.is_world_process_zero():
            self.publish(Path(self.args.output_dir))


def training_arguments(config: ExperimentConfig, output_dir: str, **kwargs: Any) -> TrainingArguments:
    """The run's `TrainingArguments`; `kwargs` are more of them, such as `report_to`."""
    return TrainingArguments(
        output_dir=output_dir,
        max_steps=config.steps,
        # A batch comes ready from `Batches`: this is its only "row".
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
        bf16=config.bf16,
        disable_tqdm=True,
        **kwargs,
    )
