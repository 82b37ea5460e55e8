"""Characters to ids and back, as a tokenizer that `AutoTokenizer` loads without code of ours."""

import json
from collections.abc import Collection
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


# More than any writing has; a text of more "characters" is some other kind of data.
MOST_CHARACTERS = 50_000
NAMED_AFTER_THE_LINE_END = ("eos_token", "pad_token", "unk_token")


def build_tokenizer(text: str, model_max_length: int, line_end: str | None = "\n") -> PreTrainedTokenizerFast:
    """One token a character; the vocabulary is exactly the sorted characters of `text`.

    No token is added for padding, start, end or what is unknown: one more row would be one more parameter than the
    paper counts. What ends a line is named for these instead, so that other tools stop there and pad a batch with it.
    They decode without it, hence it has to be a character that no prompt and no answer has. A character outside the
    alphabet is an error all the same, for `encode` and for a call.

    Args:
        text: The training text.
        model_max_length: Positions of the model.
        line_end: As `Task.line_end`; nothing is named where it is None, or not in the text.

    Raises:
        ValueError: The text has more different characters than `MOST_CHARACTERS`.
    """
    alphabet = sorted(set(text))
    check_alphabet(alphabet)
    # Of the models of `tokenizers` the one that needs no unknown token, and says so where a character is unknown.
    characters = Tokenizer(models.Unigram([(character, 0.0) for character in alphabet]))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        clean_up_tokenization_spaces=False,
        model_max_length=model_max_length,
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left",
        **(dict.fromkeys(NAMED_AFTER_THE_LINE_END, line_end) if line_end in alphabet else {}),
    )


def check_alphabet(characters: Collection[str]) -> None:
    """Refuses an alphabet that is too large for one token a character.

    Raises:
        ValueError: It has more than `MOST_CHARACTERS`.
    """
    if len(characters) > MOST_CHARACTERS:
        raise ValueError(
            f"the training text has {len(characters):,} different characters, more than {MOST_CHARACTERS:,}: a token "
            "is a character here, so write the data with fewer of them."
        )


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The ids of `text`, one a character; a dictionary look-up, some forty times faster than calling the tokenizer.

    Raises:
        ValueError: A character is not in the alphabet, or the tokenizer is not one of single characters.
    """
    vocabulary = tokenizer.get_vocab()
    unknown = sorted(set(text) - set(vocabulary))
    if unknown:
        alphabet = "".join(sorted(token for token in vocabulary if len(token) == 1))
        raise ValueError(
            f"{''.join(unknown)[:40]!r} in {text[:40]!r} is outside the alphabet {alphabet[:80]!r}: use its "
            "characters only."
        )
    return [vocabulary[character] for character in text]


def reads_characters(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether one character is one token, there and back and with nothing added: whether `encode` is what it does."""
    vocabulary = tokenizer.get_vocab()
    if any(len(token) != 1 for token in vocabulary):
        return False
    alphabet, ids = "".join(vocabulary), list(vocabulary.values())
    return tokenizer(alphabet, verbose=False)["input_ids"] == ids and tokenizer.decode(ids) == alphabet


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the tokenizer so that transformers 4 and 5 both load it."""
    tokenizer.save_pretrained(folder)
    # transformers 5 writes a class name that transformers 4 does not know; both know this one.
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
