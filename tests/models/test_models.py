import hashlib
import math

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import LADDER, ModelConfig
from hf_capacity.models.build import build_model, count_parameters, freeze_biases, resolve_width, sizes_of


PAPERS_RUNGS = ("n14", "n28", "n56", "mlt")
# arXiv 2506.09099: vocabulary and block of each training text, and all unique parameters of these rungs.
PUBLISHED_PARAMETERS = {
    "arithmetic": (17, 9, [1_582, 5_516, 20_440, 10_631_808]),
    "capitals": (51, 24, [2_268, 6_888, 23_184, 10_650_624]),
    "both": (66, 24, [2_478, 7_308, 24_024, 10_656_384]),
}
# As the paper counts, without positions: to the digits that it gives.
PUBLISHED_WITHOUT_POSITIONS = {
    "arithmetic": ["1.5k", "5.3k", "19.9k", "10.63M"],
    "both": ["2.1k", "6.6k", "22.7k", "10.65M"],
}
LLAMA = {"model_type": "llama", "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
OTHER = ModelConfig(n_layer=2, n_head=2, n_embd=8, n_inner=24)


@pytest.mark.parametrize("task", PUBLISHED_PARAMETERS)
def test_parameters_are_the_papers_to_the_last_digit(task):
    vocab_size, block_size, published = PUBLISHED_PARAMETERS[task]
    rungs = [LADDER[name] for name in PAPERS_RUNGS]
    counts = [count_parameters(build_model(rung, vocab_size, block_size, 0)) for rung in rungs]
    assert [total for total, _ in counts] == published
    for rung, (total, without) in zip(rungs, counts, strict=True):
        assert total - without == block_size * rung.n_embd
    told = [f"{without / 1e6:.2f}M" if without > 1e6 else f"{without / 1e3:.1f}k" for _, without in counts]
    assert told == PUBLISHED_WITHOUT_POSITIONS.get(task, told)


def bias_free_forward(model, ids_BT):
    """The study's model from its description: pre-norm, causal attention, exact GELU, tied head, no bias anywhere."""
    weights = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith(".bias")}
    config, block = model.config, ids_BT.shape[1]

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], weights[name], eps=1e-5)

    x_BTC = weights["transformer.wte.weight"][ids_BT] + weights["transformer.wpe.weight"][:block]
    for layer in range(config.n_layer):
        at = f"transformer.h.{layer}."
        queries, keys, values = (
            part.unflatten(-1, (config.n_head, -1)).transpose(1, 2)
            for part in (norm(x_BTC, at + "ln_1.weight") @ weights[at + "attn.c_attn.weight"]).chunk(3, dim=-1)
        )
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(config.n_embd // config.n_head)
        scores = scores.masked_fill(torch.ones(block, block).triu(1).bool(), -torch.inf)
        mixed = (scores.softmax(-1) @ values).transpose(1, 2).flatten(2)
        x_BTC = x_BTC + mixed @ weights[at + "attn.c_proj.weight"]
        inner = functional.gelu(norm(x_BTC, at + "ln_2.weight") @ weights[at + "mlp.c_fc.weight"])
        x_BTC = x_BTC + inner @ weights[at + "mlp.c_proj.weight"]
    return norm(x_BTC, "transformer.ln_f.weight") @ weights["transformer.wte.weight"].T


@pytest.mark.parametrize("rung", [LADDER["n14"], LADDER["n56"], OTHER], ids=lambda rung: rung.label)
def test_a_rung_computes_the_bias_free_model(rung):
    model = build_model(rung, 17, 9, 1).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.mul_(5)  # far from the small initial weights, where an activation's details show
        ids = torch.randint(0, 17, (32, 9), generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(model(input_ids=ids).logits, bias_free_forward(model, ids), rtol=1e-4, atol=1e-4)


def test_biases_are_zero_and_frozen_and_nothing_else_is():
    model = build_model(OTHER, 17, 9, 1)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.endswith(".bias")
        if name.endswith(".bias"):
            assert (parameter == 0).all()


def test_initial_weights_are_the_studys():
    model = build_model(LADDER["mlt"], 66, 24, 3)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            expected = 0.02 / math.sqrt(2 * 6) if name.endswith("c_proj.weight") else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.05), name
        elif name.endswith("weight"):
            assert (parameter == 1).all()


def test_the_seed_decides_the_weights():
    one, same, other = (build_model(LADDER["n14"], 17, 9, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["transformer.wte.weight"], other["transformer.wte.weight"])


def test_a_saved_model_loads_anywhere_with_the_same_logits(tmp_path):
    model = build_model(OTHER, 17, 9, 1).eval()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ids = torch.arange(9)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, model(input_ids=ids).logits, rtol=1e-5, atol=1e-6)
    freeze_biases(loaded)
    assert count_parameters(loaded) == count_parameters(model)
    assert sum(p.numel() for p in loaded.parameters() if p.requires_grad) == count_parameters(model)[0]


def model_config(**keys):
    """A model from a mapping, as a study has it."""
    return ExperimentConfig(task="arithmetic", model=keys, block_size=9, batch_size=1).model


def test_parameters_counted_by_hand():
    llama = build_model(model_config(**LLAMA), 17, 9, 1)
    width, mlp = 32, 86  # 32 * 11008 / 4096
    attention = 2 * width * width + 2 * width * 16  # two heads that share keys and values of one
    expected = 17 * width + attention + 3 * width * mlp + 3 * width
    assert count_parameters(llama) == (expected, expected)
    assert sizes_of(llama) == {"n_layer": 1, "n_head": 2, "n_embd": 32, "n_inner": 86}
    total, without = count_parameters(build_model(model_config(model_type="opt", n_embd=8), 17, 9, 1))
    assert total - without == (9 + 2) * 8, "opt has two positions more than its config says"


@pytest.mark.parametrize("shape", [{}, {"n_layer": 4}, {"n_layer": 2, "n_head": 4}], ids=str)
@pytest.mark.parametrize("model_type", ["gpt2", "llama", "gpt_neox", "mamba"])
def test_the_nearest_size_is_within_five_percent(model_type, shape):
    if model_type == "mamba":
        shape = {"n_layer": shape.get("n_layer", 1)}
    for target, vocab_size in ((1e4, 17), (1e4, 256), (1.7e4, 66), (5e4, 17), (5e4, 256), (1e6, 66)):
        network = build_model(model_config(model_type=model_type, num_parameters=target, **shape), vocab_size, 24, 1)
        assert count_parameters(network)[0] == pytest.approx(target, rel=0.05)
        assert sizes_of(network) | shape == sizes_of(network), "what was given stays"


def total_of(model, vocab_size=17):
    return count_parameters(build_model(model, vocab_size, 9, 1))[0]


def test_of_all_widths_the_nearest_is_taken_and_all_else_is_left_alone():
    model = resolve_width(model_config(model_type="llama", num_parameters=2e4, n_head=2), 17, 9)
    assert (model.num_parameters, model.n_inner) == (None, None)
    totals = {width: total_of(model_config(model_type="llama", n_embd=width, n_head=2)) for width in range(2, 80, 2)}
    assert model.n_embd == min(totals, key=lambda width: abs(totals[width] - 2e4))


def test_where_widths_are_too_coarse_the_mlp_makes_up_for_it():
    aimed = {"model_type": "gpt2", "n_layer": 8, "num_parameters": 1.07e4}
    model = resolve_width(model_config(**aimed), 17, 9)
    assert total_of(model) == pytest.approx(1.07e4, rel=0.02)
    as_wide, wider = (model_config(n_layer=8, n_embd=width) for width in (model.n_embd, model.n_embd + 1))
    assert total_of(as_wide) < 0.95 * 1.07e4 < 1.05 * 1.07e4 < total_of(wider)
    assert model.n_inner > model.n_embd
    fixed = resolve_width(model_config(**aimed, n_inner=16), 17, 9)
    assert fixed.n_inner == 16, "unless it was given"


def test_the_smallest_model_is_named_to_who_asks_for_less():
    smallest = total_of(model_config(n_embd=1))
    assert total_of(model_config(num_parameters=smallest)) == smallest
    with pytest.raises(
        ValueError, match=rf"`model.num_parameters` \(=30\) is below the smallest gpt2.* {smallest}\.$"
    ):
        resolve_width(model_config(num_parameters=30), 17, 9)


# By transformers 5.15 to 5.23, the versions of all records; at 5.0 to 5.14 the scaled initialisation does nothing.
INITIAL = {
    ("n14", 17, 9): ("7e71889f1bcf", "952c40f12981"),
    ("n28", 51, 24): ("4156e6137d2a", "29fab94153c8"),
    ("n56", 66, 24): ("475546b5f69f", "d5bf4632b67d"),
    ("mlt", 17, 9): ("00f8509ef26f", "1e961669d8dd"),
}


@pytest.mark.parametrize("seed", [1, 1337])
@pytest.mark.parametrize("rung", INITIAL, ids=lambda rung: rung[0])
def test_the_initial_weights_of_a_rung_are_those_of_the_records(rung, seed):
    name, vocab_size, block_size = rung
    digest = hashlib.sha256()
    for weight, parameter in sorted(build_model(LADDER[name], vocab_size, block_size, seed).named_parameters()):
        digest.update(weight.encode() + parameter.detach().numpy().tobytes())
    assert digest.hexdigest()[:12] == INITIAL[rung][seed == 1337]
