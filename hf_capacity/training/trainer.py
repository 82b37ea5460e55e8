"""The study's training on the stock `Trainer`: data order, loss, schedule and evaluation, by public hooks alone."""

import functools
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer, TrainingArguments

from ..config.experiment import ExperimentConfig
from ..config.model_keys import LADDERS_TYPE
from ..data.batches import Batches
from .kernel import FusedLoss, window_loss_library


# Planned steps from which `torch.compile` repays itself on one core: it takes 11 to 14 s, and saves 2 to 3 ms a step
# of the study's batches (on arithmetic n14 8.9 -> 6.4 ms, n28 12.7 -> 9.5 ms; less for n56).
STEPS_THAT_REPAY_COMPILING = 5_000

Implementation = Literal["fused", "compiled", "plain"]


def window_loss(model: torch.nn.Module, windows_WT: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats over all targets of all windows; a window has block + 1 token ids, or fewer and then
    no targets."""
    logits = model(input_ids=windows_WT[:, :-1].clamp(min=0)).logits
    return cross_entropy(logits.flatten(0, 1).float(), windows_WT[:, 1:].flatten())


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


class CapacityTrainer(Trainer):
    """A `Trainer` whose `train` and inner loop are stock, so that callbacks, trackers and resuming are the known ones.

    Args:
        model: The model of the run.
        config: The run.
        loss: As made by `build_loss`.
        args: As made by `training_arguments`.
        batches: The windows to train on; distinct ones for the kernel.
        evaluation: Called at every evaluation, gives the metrics to log (a flat mapping of numbers).
        publish: What `push_to_hub` does with the run's folder.
        kwargs: What else a `Trainer` takes, such as `callbacks`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: ExperimentConfig,
        loss: FusedLoss | Callable[..., torch.Tensor],
        args: TrainingArguments,
        batches: Batches,
        evaluation: Callable[[int], dict[str, float]],
        publish: Callable[[Path], Any] | None = None,
        **kwargs: Any,
    ):
        # The Trainer insists on an evaluation set where it is to evaluate; ours is what `evaluation` closes over.
        super().__init__(model=model, args=args, eval_dataset=[], **kwargs)
        self.remove_callback(PrinterCallback)
        self.config, self.batches, self.evaluation, self.publish = config, batches, evaluation, publish
        batches.first_batch = lambda: self.state.global_step
        self.loss = loss
        num_weights = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        self.operations_a_step = 6 * num_weights * config.batch_size * config.block_size

    def get_train_dataloader(self) -> Batches:
        """Ready batches: a `DataLoader` would put them together row by row."""
        return self.batches

    def get_decay_parameter_names(self, model: torch.nn.Module) -> list[str]:
        """Matrices, whatever a type calls the rest: the stock method goes by names."""
        return [name for name, parameter in model.named_parameters() if parameter.ndim >= 2]

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """The study's schedule, scaled to the steps of this run."""
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
        """Operations of one step, six a weight and position; the stock method counts weights anew at every step."""
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
