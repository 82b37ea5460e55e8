import dataclasses

import pytest
from transformers import AutoTokenizer

from dataset_builders import TASKS, load_task
from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task
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


def test_so_it_is_in_plain_transformers(tmp_path):
    save_tokenizer(build_tokenizer(text_of("arithmetic"), 9), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(Exception, match="unknown token"):  # the tokenizers library raises nothing finer
        tokenizer("<5*7=")


@pytest.mark.parametrize(
    ("text", "line_end"), [("<5+7=12>\n", "\n"), ("5+7=12;", ";"), ("5+7=12", None), ("5+7=12;", "\n")]
)
def test_what_ends_a_line_is_named_if_it_is_there(text, line_end, tmp_path):
    save_tokenizer(build_tokenizer(text, 9, line_end), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == len(set(text))
    named = line_end if line_end in set(text) else None
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token) == (named,) * 3
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text.removesuffix(named or "none")


@pytest.mark.parametrize("task", TASKS)
def test_no_character_of_a_prompt_or_an_answer_is_lost_in_default_decoding(task):
    loaded = Task.load(TaskConfig(path=task), 1337)
    assert loaded.line_end == "\n"
    tokenizer = build_tokenizer(loaded.alphabet, 24, loaded.line_end)
    for prompt, answer in zip(loaded.questions["prompt"], loaded.questions["answer"], strict=True):
        ids = encode(tokenizer, prompt + answer)
        assert tokenizer.decode(ids, skip_special_tokens=True) == prompt + answer


@pytest.mark.parametrize(
    ("lines", "answers", "expected"),
    [
        (["a=1;", "b=2;"], ["1", "2"], ";"),
        (["a=1;", "b=2."], ["1", "2"], None),  # no one character
        (["a=1\n", "b=2\n3\n"], ["1", "2\n3"], None),  # it stands in an answer
    ],
)
def test_what_ends_every_line_and_nothing_else_ends_a_text(lines, answers, expected):
    task = Task.load(TaskConfig(path="arithmetic"), 1337)
    task = dataclasses.replace(task, lines={"text": lines}, questions={"prompt": ["a=", "b="], "answer": answers})
    assert task.line_end == expected


def test_more_characters_than_any_writing_has_are_refused():
    text = "".join(map(chr, range(0x10000, 0x10000 + MOST_CHARACTERS)))
    assert len(build_tokenizer(text, 9)) == MOST_CHARACTERS
    with pytest.raises(ValueError, match="the training text has 50,001 different characters, more than 50,000: "):
        build_tokenizer(text + "a", 9)
