import numpy as np
import pytest
import torch

from hf_capacity.config.model import ModelConfig
from hf_capacity.data.tokenizer import build_tokenizer, encode
from hf_capacity.evaluation.linear_probe import read_numbers, residual_stream
from hf_capacity.models.build import build_model


RNG = np.random.default_rng(0)
A, B = (column.ravel() for column in np.indices((10, 10)))
IS_SEEN = RNG.permutation(100) < 90


def test_a_planted_direction_is_read_and_nothing_else_is():
    stream = np.outer(A + B, RNG.normal(size=8)) + 0.01 * RNG.normal(size=(100, 8)) + 3
    planted = read_numbers(stream, A + B, IS_SEEN)
    assert planted["withheld"] > 0.999
    assert planted["seen"] > 0.999
    assert planted["shuffled"] < 0.1
    assert read_numbers(stream, A - B, IS_SEEN)["withheld"] < 0.1


def test_it_is_least_squares_on_seen_questions_against_their_mean():
    stream = RNG.normal(size=(100, 8))
    inputs = np.column_stack([np.ones(100), stream])
    weights = np.linalg.lstsq(inputs[IS_SEEN], A[IS_SEEN], rcond=None)[0]
    for name, chosen in (("seen", IS_SEEN), ("withheld", ~IS_SEEN)):
        missed = np.sum((A[chosen] - inputs[chosen] @ weights) ** 2)
        spread = np.sum((A[chosen] - A[IS_SEEN].mean()) ** 2)
        assert read_numbers(stream, A, IS_SEEN)[name] == pytest.approx(1 - missed / spread)


def test_residues_are_read_off_a_planted_circle():
    residues = (A + B) % 10
    angles = 2 * np.pi * 3 * residues / 10
    circle = np.column_stack([np.cos(angles), np.sin(angles)]) @ RNG.normal(size=(2, 8))
    assert read_numbers(circle, residues, IS_SEEN, 10)["withheld"] == pytest.approx(1)
    assert read_numbers(circle, residues, IS_SEEN)["withheld"] < 0.5
    assert read_numbers(RNG.normal(size=(100, 8)), residues, IS_SEEN, 10)["withheld"] < 0.2


def test_the_stream_is_what_the_head_reads_at_the_last_position():
    tokenizer = build_tokenizer("<>0123456789+-=", 5)
    model = build_model(ModelConfig(n_embd=8), len(tokenizer), 5, model_seed=1).eval()
    prompts = ["<5+7=", "<1-2=", "5=", "77<5+7="]
    stream = residual_stream(model, tokenizer, prompts)
    for prompt, read in zip(prompts, stream, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([encode(tokenizer, prompt)[-5:]])).logits[0, -1]
        assert model.lm_head.weight.detach().numpy() @ read == pytest.approx(logits.numpy(), abs=1e-5)
