"""Loss and gradients of a narrow model on a CPU: one C++ kernel in place of a step's many small operations.

On one core a whole step of the paper's models is four to seven times as fast by it as by `torch.compile`
(`step_implementation` has the figures). The compiler of the machine builds it once, for that machine's processor.
"""

import ctypes

import torch
from torch.nn.functional import pad
from transformers import GPT2LMHeadModel

from .shared_object import KernelFault, window_loss_library


__all__ = ["VERSION", "FusedLoss", "KernelFault", "window_loss_library"]

# Raised by a change that moves what it computes, if only in the last digits. Version 2 takes rows by their length: it
# moved nothing where all are of one length. Version 3 takes as many rows at once as the processor has lanes: it moved
# nothing where these are sixteen, those of AVX-512.
VERSION = 3


class FusedLoss:
    """The loss of one model over windows, and its gradients.

    Args:
        model: A rung of the ladder on the CPU, without dropout; its biases are zero and frozen. Its head may be tied
            or not, and weights that are frozen when it comes here stay without a gradient.

    Raises:
        KernelFault: The kernel cannot be built here.
    """

    def __init__(self, model: GPT2LMHeadModel):
        self.kernel = window_loss_library().window_loss
        config, body = model.config, model.transformer
        self.shape = (config.n_layer, config.n_head, config.n_embd, config.n_inner, config.vocab_size)
        self.n_positions = config.n_positions
        self.parameters = [body.wte.weight, body.wpe.weight]
        for layer in body.h:
            attention, mlp = layer.attn, layer.mlp
            self.parameters += [layer.ln_1.weight, attention.c_attn.weight, attention.c_proj.weight]
            self.parameters += [layer.ln_2.weight, mlp.c_fc.weight, mlp.c_proj.weight]
        self.parameters += [body.ln_f.weight, model.lm_head.weight]
        sizes = {parameter: parameter.numel() for parameter in self.parameters}  # a tied head is there once
        self.flat_gradient = torch.zeros(sum(sizes.values()))
        parts = dict(zip(sizes, self.flat_gradient.split(list(sizes.values())), strict=True))
        gradients = {parameter: part.view_as(parameter) for parameter, part in parts.items()}
        self.trained = [pair for pair in gradients.items() if pair[0].requires_grad]
        self.gradient_addresses = _addresses([gradients[parameter] for parameter in self.parameters])

    def __call__(
        self,
        windows_WT: torch.Tensor,
        repeats_W: torch.Tensor | None = None,
        *,
        targets_WT: torch.Tensor | None = None,
    ) -> float:
        """Mean cross-entropy in nats over all targets of all windows.

        Args:
            windows_WT: Token ids of the model's alphabet, one more a window than positions, which the model may have
                more of; below 0 behind a line that is shorter than its window.
            repeats_W: How often each window counts; once if not given.
            targets_WT: What is to be predicted after each token of a window but its last, and below 0 where nothing
                is; the next token if not given.
        """
        return self._run(windows_WT, repeats_W, targets_WT=targets_WT)

    def predict(self, rows_RT: torch.Tensor) -> torch.Tensor:
        """The most probable next token after each position of each row."""
        predicted_RT = torch.empty_like(rows_RT, memory_format=torch.contiguous_format)
        self._run(pad(rows_RT, (0, 1)), predicted=predicted_RT.data_ptr())
        return predicted_RT

    def backward(
        self,
        windows_WT: torch.Tensor,
        repeats_W: torch.Tensor | None = None,
        offsets_W: torch.Tensor | None = None,
        *,
        targets_WT: torch.Tensor | None = None,
    ) -> float:
        """The same, and the `grad` of every trained parameter is set to its gradient (nothing is added up).

        Args:
            windows_WT: As above.
            repeats_W: As above.
            offsets_W: At which of the model's positions each window begins; at the first if not given.
            targets_WT: As above.
        """
        self.flat_gradient.zero_()
        loss = self._run(windows_WT, repeats_W, offsets_W, targets_WT=targets_WT, gradients=self.gradient_addresses)
        for parameter, gradient in self.trained:
            parameter.grad = gradient
        return loss

    def _run(
        self,
        windows_WT: torch.Tensor,
        repeats_W: torch.Tensor | None = None,
        offsets_W: torch.Tensor | None = None,
        *,
        targets_WT: torch.Tensor | None = None,
        gradients: ctypes.Array | None = None,
        predicted: int | None = None,
    ) -> float:
        windows_WT = windows_WT.contiguous()
        block = windows_WT.shape[1] - 1
        assert 0 < block <= self.n_positions
        targets_WT = None if targets_WT is None else targets_WT.contiguous()
        assert targets_WT is None or targets_WT.shape == (len(windows_WT), block)
        numbers = [*map(_address, (windows_WT, targets_WT, repeats_W, offsets_W))]
        weights = _addresses(self.parameters)
        return self.kernel(*self.shape, block, weights, gradients, *numbers, predicted, len(windows_WT))


def _addresses(tensors: list[torch.Tensor]) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])


def _address(numbers: torch.Tensor | None) -> int | None:
    if numbers is None:
        return None
    assert numbers.dtype == torch.long
    assert numbers.is_contiguous()
    return numbers.data_ptr()
