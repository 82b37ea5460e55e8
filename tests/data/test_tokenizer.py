import pytest
from transformers import AutoTokenizer

from dataset_builders import TASKS, load_task
from hf_capacity.data.tokenizer import MOST_CHARACTERS, build_tokenizer, encode, save_tokenizer


def text_of(task):
    return "".join(load_task(task)["train"]["text"])


@pytest.mark.parametrize(("task", "characters"), [("arithmetic", 17), ("capitals", 51), ("both", 66)])
def test_the_vocabulary_is_exactly_the_characters_of_the_text(task, characters):
    text = text_of(task)
    tokenizer = build_tokenizer(text, 9)
    assert len(tokenizer) == tokenizer.vocab_size == characters
    assert set(tokenizer.get_vocab()) == set(text)
    assert tokenizer.all_special_tokens == ["\n"]


@pytest.mark.parametrize("task", TASKS)
def test_every_text_comes_back_from_a_reloaded_tokenizer(task, tmp_path):
    text = text_of(task)
    save_tokenizer(build_tokenizer(text, 24), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    for line in load_task(task)["train"]["text"]:
        assert tokenizer.decode(tokenizer(line).input_ids) == line
    assert tokenizer.model_max_length == 24
    assert tokenizer.padding_side == "left"
    assert '"PreTrainedTokenizerFast"' in (tmp_path / "tokenizer_config.json").read_text(encoding="utf-8")


def test_fast_encoding_gives_the_tokenizers_ids():
    text = text_of("both")
    tokenizer = build_tokenizer(text, 10_000)
    assert encode(tokenizer, text) == tokenizer(text).input_ids


def test_a_character_outside_the_alphabet_is_an_error():
    tokenizer = build_tokenizer(text_of("arithmetic"), 9)
    with pytest.raises(ValueError, match=r"'\*' in '<5\*7=' is outside the alphabet '\\n \+-0123456789<=>'"):
        encode(tokenizer, "<5*7=")


def test_others_read_a_character_outside_the_alphabet_as_a_newline(tmp_path):
    """As tools expect that try a tokenizer on letters; a text that has no newline is read strictly by them too."""
    save_tokenizer(build_tokenizer(text_of("arithmetic"), 9), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.decode(tokenizer("<5*7=").input_ids) == "<5\n7="
    assert tokenizer.eos_token == tokenizer.unk_token == "\n"
    with pytest.raises(Exception, match="Missing"):  # the tokenizers library raises nothing finer
        build_tokenizer("<5+7=12>", 9)("<5*7=")


def test_more_characters_than_any_writing_has_are_refused():
    text = "".join(map(chr, range(0x10000, 0x10000 + MOST_CHARACTERS)))
    assert len(build_tokenizer(text, 9)) == MOST_CHARACTERS
    with pytest.raises(ValueError, match="the training text has 50,001 different characters, more than 50,000: "):
        build_tokenizer(text + "a", 9)
