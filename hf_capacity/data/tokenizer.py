"""Characters to ids and back, as a tokenizer that `AutoTokenizer` loads without code of ours."""

import json
from collections.abc import Collection
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


# More than any writing has; a text of more "characters" is some other kind of data.
MOST_CHARACTERS = 50_000


def build_tokenizer(text: str, model_max_length: int) -> PreTrainedTokenizerFast:
    """One token a character; the vocabulary is exactly the sorted characters of `text`.

    No token is added for padding, start, end or what is unknown: one more row would be one more parameter than the
    paper counts. A text's newline is named for the last two instead, since tools such as TransformerLens try a
    tokenizer on letters, and add a row where nothing ends a text. For `encode` an unknown character is an error.

    Args:
        text: The training text.
        model_max_length: Positions of the model.

    Raises:
        ValueError: The text has more different characters than `MOST_CHARACTERS`.
    """
    vocabulary = {character: index for index, character in enumerate(sorted(set(text)))}
    check_alphabet(vocabulary)
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token="\n"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        clean_up_tokenization_spaces=False,
        model_max_length=model_max_length,
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left",
        **(dict.fromkeys(("eos_token", "unk_token"), "\n") if "\n" in vocabulary else {}),
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
