"""A run's folder in plain transformers: what its tokenizer and generation settings say is enough to use it well."""

from pathlib import Path

import pytest
import torch
import transformers
from packaging.version import Version
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from hf_capacity.evaluation.trained_model import ask
from hf_capacity.hub.card_parts import count_of_transformers
from hf_capacity.runs.records import read_record


PROMPTS = ["<5+7=", "<1", "<9-4=", "<0+0=0"]
# Before, a pipeline sampled by default, whatever the model's own settings said.
GREEDY = {} if Version(transformers.__version__) >= Version("5.20") else {"do_sample": False}


@pytest.fixture
def folder(half_trained):
    return str(half_trained["arithmetic"])


@pytest.fixture
def plain(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def test_a_default_call_writes_to_the_end_of_the_line_within_the_positions(folder, plain):
    generator, (model, tokenizer) = pipeline("text-generation", model=folder), plain
    for prompt in PROMPTS:
        line = prompt + ask(folder, prompt)
        [answer] = generator(prompt, **GREEDY)
        assert answer["generated_text"] == line[:9]  # what it has positions for
        written = model.generate(**tokenizer(prompt, return_tensors="pt"))[0].tolist()
        assert tokenizer.decode(written) == (line + "\n")[:9]


def test_a_padded_batch_writes_what_each_prompt_does_alone(folder):
    generator = pipeline("text-generation", model=folder)

    def written(prompts, **settings):
        return [answer["generated_text"] for [answer] in generator(prompts, **GREEDY, **settings)]

    together = written(PROMPTS, batch_size=len(PROMPTS), max_new_tokens=3)
    assert together == written(PROMPTS, max_new_tokens=3)
    # By default padding counts as well: a short prompt is given less room, and writes the same as far as it comes.
    texts = zip(written(PROMPTS, batch_size=len(PROMPTS)), written(PROMPTS), together, strict=True)
    assert all(alone.startswith(text) and text.startswith(three) for text, alone, three in texts)


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_a_padded_batch_has_the_logits_of_each_prompt_alone(side, plain):
    model, tokenizer = plain
    batch = tokenizer(PROMPTS, padding=True, padding_side=side, return_tensors="pt")
    # On the left, positions are counted as `generate` does; on the right, the mask alone is enough.
    positions_RT = (batch.attention_mask.cumsum(-1) - 1).clamp(min=0) if side == "left" else None
    logits_RTV = model(**batch, position_ids=positions_RT).logits
    for row, prompt in enumerate(PROMPTS):
        alone_TV = model(**tokenizer(prompt, return_tensors="pt")).logits[0]
        torch.testing.assert_close(logits_RTV[row][batch.attention_mask[row].bool()], alone_TV, rtol=0, atol=1e-5)


def test_a_letter_that_it_does_not_know_is_an_error(folder):
    with pytest.raises(Exception, match="Encountered an unknown token"):
        pipeline("text-generation", model=folder)("<5*7=")


def test_a_card_says_what_transformers_counts_beyond_what_was_trained(folder, plain):
    record = read_record(Path(folder))
    more = plain[0].num_parameters() - record["num_parameters"]
    assert more > 0
    assert count_of_transformers(record).startswith(
        f"`num_parameters()` of transformers counts more: the {more:,} biases,"
    )
