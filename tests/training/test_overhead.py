"""What a run does between two steps is little, and moves nothing."""

import pytest
import torch

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.data.batches import DRAWN_IN_A_ROW, TOKENS_IN_A_ROW, WindowBatches
from hf_capacity.models.build import build_model
from hf_capacity.training.steps import build_loss
from hf_capacity.training.trainer import CapacityTrainer, training_arguments


@pytest.mark.parametrize("batch_size", [4, TOKENS_IN_A_ROW // 30, TOKENS_IN_A_ROW])
def test_batches_drawn_in_a_row_are_those_of_their_steps(batch_size):
    number = DRAWN_IN_A_ROW + 5
    drawn = WindowBatches(torch.arange(500) % 17, 9, batch_size, num_batches=number, data_seed=1)
    assert len(list(drawn)) == number
    for step, batch in enumerate(drawn):
        assert torch.equal(batch["windows_WT"], drawn.batch(step)["windows_WT"])


@pytest.mark.parametrize(("implementation", "is_kernels"), [("fused", True), ("plain", False)])
def test_only_steps_of_the_kernel_need_no_modules_and_no_wrapper(tmp_path, implementation, is_kernels):
    run = ExperimentConfig(task="arithmetic", model="n14", block_size=9, batch_size=16, steps=2)
    model = build_model(run.model, 17, run.block_size, run.model_seed)
    drawn = WindowBatches(torch.arange(500) % 17, 9, 16, num_batches=2, data_seed=1)
    args = training_arguments(run, str(tmp_path), report_to="none")
    trainer = CapacityTrainer(model, run, build_loss(implementation, model, run), drawn, lambda step: {}, args=args)
    trainer.train()
    assert isinstance(trainer.optimizer, torch.optim.AdamW) == is_kernels
    assert (trainer.model_wrapped is not trainer.model) == is_kernels
    trained = [id(parameter) for parameter in model.parameters() if parameter.requires_grad]
    cleared = [id(parameter) for parameter in trainer.model_wrapped.parameters() if parameter.requires_grad]
    assert cleared == trained, "in the order in which their norms are added up"
