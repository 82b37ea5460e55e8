"""Whether a run fits its task: each reason why it would fail later, in a line, before anything is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataset_builders import Numerals, task_source

from ..config.experiment import ExperimentConfig
from .answers import Span, answer_spans, common_spans
from .curriculum import Curriculum, ability_of_windows
from .tokenizer import check_alphabet


# Where an answer goes on past the block, each further token is a row of its own: these would fill a gigabyte.
MOST_TOKENS = 100_000_000
# Of fewer numbers, geometry says nothing: a parallelogram takes four.
FEWEST_NUMBERS = 5


@dataclass(frozen=True, kw_only=True)
class TaskSizes:
    """What of a task decides whether a run fits it.

    Args:
        path: What the task is called.
        line_lengths: Of each training line, in characters.
        abilities: Of each training line, `rule` or `fact`.
        alphabet: All characters of the training text, and those that it might have had.
        unknown: Characters that the questions have and the alphabet does not.
        open_lines: How many training lines do not end with a newline.
        unanswered_lines: How many training lines do not hold their answer with its end mark.
        common_spans: Where training lines have their answers that are asked several questions, if it is known.
        scored: What of the lines is scored for memorised bits, `text` or `answer`, where the bits are known.
        asked: How many questions have a prompt of so many characters, and so many in all.
        numerals: How the questions write numbers, if they have any.
    """

    path: str
    line_lengths: Sequence[int]
    abilities: Sequence[str]
    alphabet: frozenset[str]
    unknown: Sequence[str]
    open_lines: int
    unanswered_lines: int
    common_spans: Sequence[Span] | None
    scored: str | None
    asked: Mapping[tuple[int, int], int]
    numerals: Numerals | None = None


def sizes_of_task(path: str, splits: Mapping[str, Any], demand: Any, numerals: Numerals | None = None) -> TaskSizes:
    """The sizes of a task.

    Args:
        path: What it is called.
        splits: What `load_task` returns.
        demand: What `demanded_bits` returns.
        numerals: What `dataset_builders.numerals` returns.
    """
    texts, questions = splits["train"]["text"][:], splits["questions"]
    alphabet = frozenset().union("".join(texts), demand.alphabet if demand else "")
    prompts, answers, ends = (questions[column][:] for column in ("prompt", "answer", "end"))
    asked = set().union("".join(prompts), "".join(answers), "".join(ends))
    lengths = Counter(
        (len(prompt), len(prompt) + len(answer) + len(end))
        for prompt, answer, end in zip(prompts, answers, ends, strict=True)
    )
    common = common_spans(splits["train"], questions)
    return TaskSizes(
        path=path,
        line_lengths=list(map(len, texts)),
        abilities=splits["train"]["ability"][:],
        alphabet=alphabet,
        unknown=sorted(asked - alphabet),
        open_lines=sum(not text.endswith("\n") for text in texts),
        unanswered_lines=sum((0, 0) in spans for spans in answer_spans(splits["train"], common)),
        common_spans=common,
        scored=demand.scored if demand else None,
        asked=lengths,
        numerals=numerals,
    )


def check_run(run: ExperimentConfig, sizes: TaskSizes) -> None:
    """Checks that a run fits its task.

    Raises:
        ValueError: The questions have characters that the text does not, or are too long to be scored; the text has
            too many characters; a block is not shorter than the text (where lines are read or scored as a whole: is
            shorter than one); lines do not end, or have no answer to be trained on; a curriculum has no rule or no
            facts; or probes have no numbers.
    """
    _check_characters(sizes)
    _check_block(run, sizes)
    if run.batches == "lines" and sizes.open_lines:
        raise ValueError(
            f"`batches` (='lines') needs lines that end with a newline, and {sizes.open_lines} of "
            f"{len(sizes.line_lengths)} of {sizes.path} do not: add it, or take `windows` for this task."
        )
    if run.batches == "lines":
        _check_rows(run, sizes)
    if run.loss_on == "answers":
        _check_answers(run, sizes)
    _check_asked_after(run, sizes)
    if run.curriculum:
        _check_curriculum(run, sizes)
    if run.probes:
        check_numerals(sizes)


def check_numerals(sizes: TaskSizes) -> Numerals:
    """Checks that a task has numbers whose embeddings can be probed. Gives how it writes them.

    Raises:
        ValueError: It has none, too few, or a text in which some never stand.
    """
    if sizes.numerals is None:
        is_ours = task_source(sizes.path) == "packaged"
        lacks = "has no digits or residues as tokens" if is_ours else "comes from elsewhere and names none"
        raise ValueError(
            f"probes read the embeddings of numbers, and {sizes.path} {lacks}: take a task such as arithmetic."
        )
    symbols = sizes.numerals.symbols
    if len(symbols) < FEWEST_NUMBERS:
        raise ValueError(
            f"probes need {FEWEST_NUMBERS} numbers or more, and {sizes.path} has {len(symbols)}: take a larger "
            "`modulus`."
        )
    missing = sorted(set(symbols) - sizes.alphabet)
    if missing:
        raise ValueError(
            f"probes read the embeddings of all numbers, and {', '.join(missing[:10])} stand nowhere in the training "
            f"text of {sizes.path}: read more of it."
        )
    return sizes.numerals


def tokens_to_score(sizes: TaskSizes, block_size: int, before: int = 0) -> int:
    """How many tokens go through a model to decide all questions (see `TeacherForcing`), so many before each."""
    return sum(
        number
        * (
            min(before + asked - 1, block_size)
            + max(0, before + asked - 1 - max(before + prompt, block_size)) * block_size
        )
        for (prompt, asked), number in sizes.asked.items()
    )


def _check_characters(sizes: TaskSizes) -> None:
    if sizes.unknown:
        raise ValueError(
            f"the questions of {sizes.path} have characters that its training text does not: {sizes.unknown[:20]}. "
            "A model cannot read or write what is not in its alphabet."
        )
    check_alphabet(sizes.alphabet)


def _check_block(run: ExperimentConfig, sizes: TaskSizes) -> None:
    length, longest = sum(sizes.line_lengths), max(sizes.line_lengths)
    if run.block_size >= length:
        raise ValueError(
            f"`block_size` (={run.block_size}) must be below the length of the training text of {sizes.path} "
            f"(={length} characters)."
        )
    if (run.batches == "lines" or sizes.scored) and run.block_size < longest:
        raise ValueError(
            f"`block_size` (={run.block_size}) must be at least {longest}, the length of the longest line of "
            f"{sizes.path}: its lines are {'scored' if sizes.scored else 'read'} as a whole."
        )
    before = len(run.start) + run.lines_before * longest
    tokens = tokens_to_score(sizes, run.block_size, before)
    if tokens > MOST_TOKENS:
        raise ValueError(
            f"the questions of {sizes.path} take {tokens:,} tokens to score at `block_size` (={run.block_size}), more "
            f"than {MOST_TOKENS:,}: ask fewer of them, or shorter answers."
        )


def _check_rows(run: ExperimentConfig, sizes: TaskSizes) -> None:
    shortest, longest = min(sizes.line_lengths), max(sizes.line_lengths)
    if run.lines_per_row * longest > run.block_size:
        raise ValueError(
            f"`lines_per_row` (={run.lines_per_row}) x the longest line of {sizes.path} (={longest} characters) must "
            f"not exceed `block_size` (={run.block_size})."
        )
    if run.random_offset and not run.cut_in_front and run.lines_per_row * shortest == run.block_size:
        raise ValueError(
            f"`random_offset` has no room: every row of {sizes.path} is as long as `block_size` (={run.block_size}). "
            "Take a longer block."
        )


def _check_answers(run: ExperimentConfig, sizes: TaskSizes) -> None:
    if sizes.unanswered_lines:
        raise ValueError(
            f"`loss_on` (={run.loss_on!r}) needs lines that hold their answer with its end mark, and "
            f"{sizes.unanswered_lines} of {len(sizes.line_lengths)} of {sizes.path} do not: mend them, or leave the "
            "key out."
        )
    if sizes.common_spans is None:
        raise ValueError(
            f"`loss_on` (={run.loss_on!r}) takes lines with one answer, or several at the same places in each, and "
            f"those of {sizes.path} have them at others: leave the key out."
        )
    if sizes.scored == "text":
        raise ValueError(
            f"`loss_on` (={run.loss_on!r}) trains answers alone, and the memorised bits of {sizes.path} are those of "
            "whole lines: leave the key out."
        )


def _check_asked_after(run: ExperimentConfig, sizes: TaskSizes) -> None:
    if "\n" in run.start and "\n" not in sizes.alphabet:
        raise ValueError(f"`asked_after` (='newline') needs a newline in the training text of {sizes.path}.")
    if run.lines_before > len(sizes.line_lengths):
        raise ValueError(
            f"`asked_after` (={run.lines_before}) must not exceed the number of lines of {sizes.path} "
            f"(={len(sizes.line_lengths)})."
        )
    # A window is cut in front, and so may be what stands before a question; a row of whole lines never is.
    longest_question = max(asked for _, asked in sizes.asked)
    needed = run.lines_before * max(sizes.line_lengths) + longest_question
    if run.lines_before and run.batches == "lines" and needed > run.block_size:
        raise ValueError(
            f"`asked_after` (={run.lines_before}) needs a `block_size` of {needed}, not {run.block_size}: lines of "
            f"{sizes.path} have up to {max(sizes.line_lengths)} characters, a question {longest_question}."
        )


def _check_curriculum(run: ExperimentConfig, sizes: TaskSizes) -> None:
    found = set(sizes.abilities)
    if len(found) < 2:
        [only], [missing] = found, {"rule", "fact"} - found
        raise ValueError(
            f"`curriculum` (={run.curriculum!r}) reads rule and facts apart, and {sizes.path} has only the {only}: of "
            f"the {missing} alone this run has nothing. Take a mixture of both."
        )
    abilities = sizes.abilities
    if run.batches == "windows":
        abilities = ability_of_windows(abilities, sizes.line_lengths, run.block_size)
    Curriculum(run.curriculum, run.steps, abilities)
