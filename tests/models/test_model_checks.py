"""What cannot be scored honestly is refused before it is scored, in a line that names what is wrong."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.foreign_models import trained
from tokenizers import normalizers
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.evaluation.trained_model import load_model


SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A small model with tokens of several characters, as somebody else would save it."""
    folder = tmp_path_factory.mktemp("foreign")
    model, tokenizer, _ = trained("gpt2", steps=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(foreign, tmp_path):
    return shutil.copytree(foreign, tmp_path / "model")


def replace_model(folder, model):
    (folder / "generation_config.json").unlink()
    model.save_pretrained(folder)


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


@pytest.mark.parametrize("model_type", ["bert", "roberta", "electra", "xlm-roberta"])
def test_a_masked_language_model_is_refused_whatever_its_config_says(copy, model_type):
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, vocab_size=400, embedding_size=16, **SIZES)
    replace_model(copy, AutoModelForMaskedLM.from_config(config))
    with pytest.raises(ValueError, match="ForMaskedLM, which is no causal language model"):
        load_model(copy)
    edit(copy / "config.json", architectures=None)
    with pytest.raises(ValueError, match=r"is no causal language model"):
        load_model(copy)


def test_an_encoder_under_a_causal_models_name_is_found_by_running_it(copy):
    from transformers import BertConfig, BertLMHeadModel

    torch.manual_seed(0)
    replace_model(copy, BertLMHeadModel(BertConfig(vocab_size=400, is_decoder=True, **SIZES)))
    load_model(copy)
    edit(copy / "config.json", is_decoder=False)
    with pytest.raises(ValueError, match="its positions see the answers that follow them"):
        load_model(copy)


def test_an_encoder_and_decoder_is_refused(copy):
    config = AutoConfig.for_model("t5", vocab_size=400, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    replace_model(copy, AutoModelForSeq2SeqLM.from_config(config))
    with pytest.raises(ValueError, match="is a T5ForConditionalGeneration, which is no causal language model"):
        load_model(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layer": 2}, r"transformer.h.1.*, and \d+ more: missing"),
        ({"n_layer": 0}, r"transformer.h.0.*, and \d+ more: of no use to the model"),
        ({"n_positions": 16}, r"transformer.wpe.weight: of another size|cannot be loaded as a causal language model"),
        ({"architectures": [7]}, "`architectures` .* in its config.json names none"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(copy, changes, message):
    edit(copy / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        load_model(copy)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(copy, value):
    weights = load_file(copy / "model.safetensors")
    weights["transformer.ln_f.weight"][3] = value
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"weights that are not finite, in transformer.ln_f.weight"):
        load_model(copy)


def test_a_folder_without_a_tokenizer_and_one_with_an_adapter_are_named(copy):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ValueError, match="has no tokenizer beside its weights"):
        load_model(copy)
    (copy / "config.json").rename(copy / "adapter_config.json")
    with pytest.raises(ValueError, match="is an adapter without its model: merge it into that"):
        load_model(copy)


def test_a_tokenizer_that_changes_what_it_reads_is_refused(copy):
    _, tokenizer, _ = trained("gpt2", steps=0)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.save_pretrained(copy)
    evaluate_model(copy, "arithmetic")  # which has no capitals to lose
    with pytest.raises(ValueError, match=r"its tokenizer makes 'capital of .*' of 'Capital of "):
        evaluate_model(copy, "capitals")
