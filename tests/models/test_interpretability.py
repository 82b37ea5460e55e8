"""The page on other tools, run as it is written: each opens a run's folder, and computes what transformers does."""

import json
import runpy
import shutil

import pytest
import torch
from support.readmes import ROOT, blocks
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer


TRANSFORMER_LENS, NNSIGHT, DEVINTERP = blocks(
    (ROOT / "hf_capacity" / "models" / "INTERPRETABILITY.md").read_text(encoding="utf-8"), "python"
)
PROMPT = "<5+7="

pytestmark = [
    pytest.mark.slow,  # each loads half of what there is on PyPI
    pytest.mark.filterwarnings("ignore"),  # of what they call and are called by
]


def install(tool):
    return pytest.importorskip(tool, reason=f"{tool} is not installed: pip install '.[interp]'")


@pytest.fixture(params=["arithmetic", "both"])
def folder(half_trained, request):
    return str(half_trained[request.param])


@pytest.fixture
def run(tmp_path):
    """Runs a block of the page, and gives its names; from a file, where nnsight reads what it traces."""

    def run_block(block, **names):
        (tmp_path / "block.py").write_text(block, encoding="utf-8")
        return runpy.run_path(str(tmp_path / "block.py"), names)

    return run_block


@pytest.fixture
def windows_WT(folder):
    """A hundred windows of random characters, as long as the model can look at."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    random = torch.Generator().manual_seed(0)
    return torch.randint(len(tokenizer), (100, tokenizer.model_max_length), generator=random)


@torch.no_grad()
def largest_difference(logits, folder, ids):
    """Between logits and those of plain transformers, as a share of the largest one."""
    expected = AutoModelForCausalLM.from_pretrained(folder).eval()(ids).logits
    return ((logits.detach().cpu() - expected).abs().max() / expected.abs().max()).item()


def ids_of_prompt(folder):
    return AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt").input_ids


def test_transformer_lens_opens_a_run(folder, run, windows_WT):
    install("transformer_lens")
    found = run(TRANSFORMER_LENS, folder=folder)
    assert largest_difference(found["logits"], folder, ids_of_prompt(folder)) < 1e-5
    assert largest_difference(found["model"](windows_WT), folder, windows_WT) < 1e-5
    assert found["attention"].shape == (1, 1, len(PROMPT), len(PROMPT))
    model, vocabulary = found["model"], AutoTokenizer.from_pretrained(folder).get_vocab()
    assert model.tokenizer.get_vocab() == vocabulary, "it adds no token"
    assert model.to_tokens(PROMPT).tolist() == [[vocabulary[character] for character in "\n" + PROMPT]]


def test_nnsight_opens_a_run(folder, run):
    install("nnsight")
    found = run(NNSIGHT, folder=folder)
    assert largest_difference(found["logits"], folder, ids_of_prompt(folder)) == 0
    assert found["residual"].shape == (1, len(PROMPT), 56)
    assert found["model"].tokenizer.get_vocab() == AutoTokenizer.from_pretrained(folder).get_vocab()


def test_devinterp_samples_around_a_run(half_trained, run):
    install("devinterp")
    from devinterp.slt.lm_loss import lm_forward_logits

    folder = str(half_trained["arithmetic"])
    found = run(DEVINTERP, folder=folder)
    model, windows_WT = found["model"].eval(), found["windows"]
    assert largest_difference(lm_forward_logits(model, windows_WT), folder, windows_WT) == 0
    assert torch.isfinite(torch.tensor(found["coefficient"].llc_mean.item()))
    logits_WTV = model(windows_WT).logits
    expected = functional.cross_entropy(logits_WTV[:, :-1].flatten(0, 1), windows_WT[:, 1:].flatten())
    assert found["coefficient"].init_loss.item() == pytest.approx(expected.item(), rel=0.02)  # of some batches
    trained = sum(weight.numel() for name, weight in model.named_parameters() if name in found["weights"])
    assert trained == sum(weight.numel() for weight in model.parameters() if weight.detach().abs().sum() > 0)


def test_transformer_lens_opens_a_run_of_before(half_trained, run, tmp_path):
    install("transformer_lens")
    folder = shutil.copytree(half_trained["arithmetic"], tmp_path / "of_before")
    for name, change in (("tokenizer.json", as_before), ("tokenizer_config.json", without_special_tokens)):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(change(content)), encoding="utf-8")
    model = run(TRANSFORMER_LENS, folder=str(folder))["model"]
    ids = model.to_tokens(PROMPT, prepend_bos=False)
    assert largest_difference(model(ids), folder, ids) < 1e-5
    assert model.tokenizer.get_vocab() == AutoTokenizer.from_pretrained(folder).get_vocab()


def as_before(tokenizer):
    vocabulary = {character: index for index, (character, _) in enumerate(tokenizer["model"]["vocab"])}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<no such character>"}
    return tokenizer | {"added_tokens": [], "model": model}


def without_special_tokens(config):
    return {key: value for key, value in config.items() if not key.endswith("_token")}
