"""The kernel against PyTorch's own forward and autograd, on shapes that divide its tiles and shapes that do not."""

import copy
import math
import os
import platform
import shutil
import subprocess
import sys
import time

import pytest
import torch
from torch.nn.functional import cross_entropy

from hf_capacity.config.model import LADDER, ModelConfig
from hf_capacity.data.batches import NO_TARGET
from hf_capacity.evaluation.exact_match import mean_loss, predict
from hf_capacity.models.build import build_model
from hf_capacity.training.kernel import FusedLoss, KernelFault, window_loss_library
from hf_capacity.training.steps import window_loss


def rung(n_layer, n_head, n_embd, n_inner):
    return ModelConfig(n_layer=n_layer, n_head=n_head, n_embd=n_embd, n_inner=n_inner)


# model, vocabulary, block, windows
SHAPES = {
    "n14 arithmetic": (LADDER["n14"], 17, 9, 882),
    "n28 capitals": (LADDER["n28"], 51, 24, 100),
    "n56 both": (LADDER["n56"], 66, 24, 576),
    "small": (rung(1, 1, 2, 1), 2, 1, 1),
    "odd": (rung(3, 1, 5, 11), 3, 7, 33),
    "heads": (rung(2, 4, 12, 48), 13, 10, 49),
    "long block": (rung(1, 2, 6, 12), 19, 70, 17),
    "wide": (rung(2, 2, 130, 260), 90, 5, 20),
}


def stretched(model, by=4.0):
    """Far from its small initial weights, where every part of the model counts."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.mul_(by)
                if parameter.ndim == 1:
                    parameter.add_(torch.linspace(-0.5, 0.5, len(parameter)))
    return model


def windows_for(vocabulary, block, count):
    return torch.randint(vocabulary, (count, block + 1), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def another_compiler(monkeypatch, tmp_path):
    """Makes a shell script the compiler, with nothing built yet."""

    def use(script):
        compiler = tmp_path / "compiler"
        compiler.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        compiler.chmod(0o755)
        monkeypatch.setenv("CXX", str(compiler))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        window_loss_library.cache_clear()

    yield use
    window_loss_library.cache_clear()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_loss_and_gradients_are_as_near_the_exact_ones_as_pytorchs_are(shape):
    rung_, vocabulary, block, count = shape
    model, windows = stretched(build_model(rung_, vocabulary, block, 1)), windows_for(vocabulary, block, count)

    def by_autograd(model):
        loss = cross_entropy(model(input_ids=windows[:, :-1]).logits.flatten(0, 1), windows[:, 1:].flatten())
        loss.backward()
        return loss.item(), {name: p.grad.double() for name, p in model.named_parameters() if p.requires_grad}

    exact_loss, exact = by_autograd(copy.deepcopy(model).double())
    _, rounded = by_autograd(copy.deepcopy(model))
    fused = FusedLoss(model)
    assert fused.backward(windows) == pytest.approx(exact_loss, rel=1e-5)
    assert fused(windows) == fused.backward(windows)
    largest = max(gradient.abs().max() for gradient in exact.values())
    allowed = 4 * max((rounded[name] - exact[name]).abs().max() for name in exact) + 1e-7 * largest
    assert allowed < 1e-4 * largest
    for name, parameter in model.named_parameters():
        if name in exact:
            assert (parameter.grad.double() - exact[name]).abs().max() < allowed, name
        else:
            assert parameter.grad is None


def test_a_repeated_window_counts_as_often_as_it_is_repeated():
    model = stretched(build_model(LADDER["n14"], 17, 9, 1))
    fused, windows = FusedLoss(model), windows_for(17, 9, 40)
    repeats = torch.arange(40) % 4
    loss = fused.backward(windows, repeats)
    gradients = [parameter.grad.clone() for parameter in fused.parameters]
    assert loss == pytest.approx(fused.backward(windows.repeat_interleave(repeats, dim=0)), rel=1e-6)
    for gradient, parameter in zip(gradients, fused.parameters, strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [SHAPES["n28 capitals"], SHAPES["odd"]], ids=["n28 capitals", "odd"])
def test_what_lies_behind_a_shorter_line_counts_for_nothing(shape):
    rung_, vocabulary, block, count = shape
    windows = windows_for(vocabulary, block, count)
    lengths = torch.arange(count) % block + 2  # with the start token: at least one target
    windows[torch.arange(block + 1) >= lengths[:, None]] = NO_TARGET
    model = stretched(build_model(rung_, vocabulary, block, 1)).double()
    exact_loss = window_loss(model, windows)
    exact_loss.backward()
    exact = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    model = model.float()
    fused = FusedLoss(model)
    assert fused.backward(windows) == pytest.approx(exact_loss.item(), rel=1e-5)
    assert fused(windows) == pytest.approx(mean_loss(model, windows), rel=1e-5)
    largest = max(gradient.abs().max() for gradient in exact.values())
    for name, gradient in exact.items():
        assert (model.get_parameter(name).grad.double() - gradient).abs().max() < 1e-4 * largest, name


def test_it_is_the_loss_that_evaluations_of_other_models_take():
    model, windows = stretched(build_model(LADDER["n28"], 17, 9, 1)), windows_for(17, 9, 1300)
    assert FusedLoss(model)(windows) == pytest.approx(mean_loss(model, windows), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_predictions_are_those_of_the_model(shape):
    rung_, vocabulary, block, count = shape
    model = stretched(build_model(rung_, vocabulary, block, 1))
    rows = windows_for(vocabulary, block, count)[:, 1:]
    assert (FusedLoss(model).predict(rows) == predict(model, rows)).float().mean() > 0.999, "but for near-ties"


def test_of_equally_probable_tokens_the_first_is_predicted():
    model, rows = build_model(LADDER["n14"], 17, 9, 1), windows_for(17, 9, 40)[:, 1:]
    with torch.no_grad():
        model.transformer.wte.weight.zero_()
    assert (FusedLoss(model).predict(rows) == 0).all()
    assert (predict(model, rows) == 0).all()


def test_the_same_windows_give_the_same_bits():
    model, windows = build_model(LADDER["n14"], 17, 9, 1), windows_for(17, 9, 100)
    fused, other = FusedLoss(model), FusedLoss(build_model(LADDER["n14"], 17, 9, 1))
    assert fused.backward(windows) == other.backward(windows)
    assert torch.equal(fused.flat_gradient, other.flat_gradient)


def test_what_is_no_number_stays_so():
    model, windows = build_model(LADDER["n14"], 17, 9, 1), windows_for(17, 9, 100)
    fused = FusedLoss(model)
    for parameter in fused.parameters:
        saved = parameter.detach().clone()
        with torch.no_grad():
            parameter.view(-1)[0] = math.nan
        assert math.isnan(fused(windows)), "a model that has diverged must not look trained"
        with torch.no_grad():
            parameter.copy_(saved)
    assert math.isfinite(fused(windows))


def test_windows_longer_than_the_model_are_refused():
    with pytest.raises(AssertionError):
        FusedLoss(build_model(LADDER["n14"], 17, 9, 1))(windows_for(17, 10, 4))


def test_rows_shorter_than_the_model_are_those_of_its_first_positions():
    model, windows = stretched(build_model(LADDER["n14"], 17, 9, 1)), windows_for(17, 9, 40)
    fused = FusedLoss(model)
    assert torch.equal(fused.predict(windows[:, :5]), fused.predict(windows[:, :9])[:, :5])
    assert fused(windows[:, :6]) == pytest.approx(mean_loss(model, windows[:, :6]), rel=1e-6)


def test_a_missing_compiler_is_a_fault_that_says_so(another_compiler, monkeypatch):
    another_compiler("")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(KernelFault, match=r"no C\+\+ compiler: .*no-such-compiler"):
        window_loss_library()


def test_a_compiler_that_fails_is_a_fault_with_its_first_line(another_compiler):
    another_compiler("echo 'unknown option' >&2; echo more >&2; exit 1")
    with pytest.raises(KernelFault, match=r"compiler fails: unknown option$"):
        window_loss_library()


def seconds_of(work):
    """Of the fastest of several goes."""
    taken = []
    for _ in range(7):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names instructions of x86")
@pytest.mark.parametrize("instructions", ["-mno-avx512f -mavx2", "-mno-avx"], ids=["eight lanes", "four lanes"])
def test_a_processor_with_shorter_vectors_computes_the_same_and_fast(another_compiler, instructions):
    model, windows = stretched(build_model(LADDER["n28"], 17, 9, 1)), windows_for(17, 9, 100)
    here = FusedLoss(model)
    loss = here.backward(windows)
    another_compiler(f'exec {shutil.which("g++")} "$@" {instructions}')
    there = FusedLoss(model)
    assert there.kernel is not here.kernel
    assert there.backward(windows) == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(there.flat_gradient, here.flat_gradient, rtol=1e-4, atol=1e-6)
    # Sixteen lanes on such a processor took four times as long as PyTorch's own step.
    plain = seconds_of(lambda: window_loss(model, windows).backward())
    assert seconds_of(lambda: there.backward(windows)) < plain


BUILD = """
from hf_capacity.training import kernel
kernel.window_loss_library()
"""


@pytest.mark.slow  # builds it twice
def test_two_processes_build_it_at_once_and_a_third_finds_it(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    first = [subprocess.Popen([sys.executable, "-c", BUILD], env=environment) for _ in range(2)]
    assert [process.wait() for process in first] == [0, 0]
    [library] = (tmp_path / "hf_capacity").glob("*.so")
    built = library.stat().st_mtime_ns
    time.sleep(0.01)
    subprocess.run([sys.executable, "-c", BUILD], env=environment, check=True)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "hf_capacity").glob("*.so")] == [built]
