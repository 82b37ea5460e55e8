"""Strings to repeat or to reverse, some of them withheld.

The line `bag>bag` is asked as the prompt `bag>`, whose answer is `bag`, closed by a newline. Reversed, it is
`bag<gab`, so that both may stand in one text.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import (
    MOST_CHARACTERS,
    MOST_LINES,
    QuestionBuilder,
    QuestionConfig,
    Splits,
    check_flag,
    check_whole_number,
    drawn_order,
    first_places,
    generator,
    number_withheld,
    question_table,
    shorten,
)


MOST_LETTERS, MOST_LENGTH = 26, 1000


@dataclass
class CopyConfig(QuestionConfig):
    """
    Args:
        reverse (`bool`, defaults to `False`):
            Whether the answer is the string from its last letter on.
        num_letters (`int`, defaults to 8):
            V, the letters that there are, from `a` on.
        shortest (`int`, defaults to 2), longest (`int`, defaults to 5):
            How many letters the strings have.
        num_strings (`int`, defaults to 100):
            How many strings of each length there are, drawn without replacement; all V**length where these are fewer.
        withheld_fraction (`float`, *optional*):
            The share of all strings that is asked but never read, drawn by `split_seed`.
        longest_in_training (`int`, *optional*):
            Instead: all strings that are longer are withheld.
        num_questions (`int`, *optional*):
            How many of the withheld strings are asked, drawn without replacement, and of those that are read at most
            as many: the first. All of both if left out.
        split_seed (`int`, defaults to 1337):
            Draws the strings, which of them are withheld or asked, and the order of the lines.
    """

    reverse: bool = False
    num_letters: int = 8
    shortest: int = 2
    longest: int = 5
    num_strings: int = 100
    withheld_fraction: float | None = None
    longest_in_training: int | None = None
    num_questions: int | None = None


class Copy(QuestionBuilder):
    """Config `copy`: all 64 strings of two letters from a to h, and 100 each of three, four and five letters."""

    title = "Strings to copy or reverse"
    paper = "2402.01032"
    language = "zxx"  # no linguistic content
    example = "bag>"

    BUILDER_CONFIG_CLASS = CopyConfig
    BUILDER_CONFIGS = (
        CopyConfig(name="copy", withheld_fraction=0.1, description="Strings of 2 to 5 letters, a tenth withheld."),
        CopyConfig(name="reverse", withheld_fraction=0.1, reverse=True, description="The same strings, reversed."),
        CopyConfig(
            name="length",
            num_letters=26,
            shortest=1,
            longest=20,
            num_strings=1_000,
            longest_in_training=10,
            num_questions=1_000,
            description="Strings of up to 10 letters are read, of up to 20 asked.",
        ),
    )
    DEFAULT_CONFIG_NAME = "copy"

    @staticmethod
    def tables(config: CopyConfig) -> Splits:
        numbers = _check(config)
        strings = pa.concat_arrays([_strings(config, length, number) for length, number in numbers.items()])
        withheld = _withheld(config, np.repeat(list(numbers), list(numbers.values())))
        is_seen = ~np.isin(np.arange(len(strings)), withheld)
        prompts = pc.binary_join_element_wise(strings, "<" if config.reverse else ">", "")
        answers = pc.ascii_reverse(strings) if config.reverse else strings
        questions = question_table(
            text=pc.binary_join_element_wise(prompts, answers, "\n", ""),
            prompt=prompts,
            answer=answers,
            end="\n",
            kind="reverse" if config.reverse else "copy",
            ability="rule",
            seen=is_seen,
        )
        order = drawn_order(len(strings), f"lines-{config.split_seed}")
        lines = order[is_seen[order]]
        asked = np.concatenate([lines[: config.num_questions], withheld[: config.num_questions]])
        return {"train": questions.take(pa.array(lines)), "questions": questions.take(pa.array(np.sort(asked)))}


def _strings(config: CopyConfig, length: int, number: int) -> pa.Array:
    """So many different strings of a length, in alphabetical order."""
    seed, size = f"strings-{length}-{config.split_seed}", config.num_letters**length
    if size <= MOST_LINES:
        places = np.sort(drawn_order(size, seed)[:number])
        return _spelled(np.stack(np.unravel_index(places, (config.num_letters,) * length), axis=1))
    draws, found = generator(seed), pa.array([], pa.string())
    while len(found) < number:
        drawn = _spelled(draws.random_sample((number, length)) * config.num_letters)
        found = pa.concat_arrays([found, drawn])
        found = found.take(pa.array(first_places(found)))
    return found[:number].sort()


def _spelled(letters_NL: np.ndarray) -> pa.Array:
    """Strings of the letters of these numbers, 0 for `a`."""
    codes_NL = (letters_NL + ord("a")).astype(np.uint8)
    return pa.array(codes_NL.view(f"S{codes_NL.shape[1]}")[:, 0]).cast(pa.string())


def _withheld(config: CopyConfig, lengths: np.ndarray) -> np.ndarray:
    """The places of the withheld strings among all, of these `lengths`, in a drawn order."""
    withheld = drawn_order(len(lengths), f"withheld-{config.split_seed}")
    if config.longest_in_training is not None:
        withheld = withheld[lengths[withheld] > config.longest_in_training]
    else:
        withheld = withheld[: number_withheld(config.withheld_fraction, len(lengths), "strings")]
    if config.num_questions is not None:
        check_whole_number("num_questions", config.num_questions, 1, len(withheld), ", the number of withheld strings")
    return withheld


def _check(config: CopyConfig) -> dict[int, int]:
    """How many strings of each length there are."""
    check_flag("reverse", config.reverse)
    check_whole_number("num_letters", config.num_letters, 2, MOST_LETTERS, ", so many letters are there")
    check_whole_number("longest", config.longest, 1, MOST_LENGTH)
    check_whole_number("shortest", config.shortest, 1, config.longest, ", the longest")
    check_whole_number("num_strings", config.num_strings, 1, MOST_LINES)
    lengths = range(config.shortest, config.longest + 1)
    numbers = {length: min(config.num_strings, config.num_letters**length) for length in lengths}
    num_characters = sum(number * (2 * length + 2) for length, number in numbers.items())
    if sum(numbers.values()) > MOST_LINES or num_characters > MOST_CHARACTERS:
        raise ValueError(
            f"`num_strings` (={config.num_strings:,}) of each length are {sum(numbers.values()):,} lines of "
            f"{num_characters:,} characters, of which {MOST_LINES:,} and {MOST_CHARACTERS:,} are possible: lower it."
        )
    if (config.withheld_fraction is None) == (config.longest_in_training is None):
        raise ValueError(
            f"`withheld_fraction` (={shorten(config.withheld_fraction)}) withholds strings by chance, and "
            f"`longest_in_training` (={shorten(config.longest_in_training)}) by their length: give one of the two. "
            "The config 'copy' has the first, 'length' the second."
        )
    if config.longest_in_training is not None:
        low, high = config.shortest, config.longest - 1
        reason = ", from the shortest on and below the longest"
        check_whole_number("longest_in_training", config.longest_in_training, low, high, reason)
    return numbers
