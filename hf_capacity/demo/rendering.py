"""Answers and rates to HTML. What a person or a model wrote is escaped."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..analysis.cells import Ladder
from ..boundary.shown import shown
from .answers import answer
from .study import Study
from .tradeoff import names_of, series_of


# A prompt shows its last so many characters; an answer its first, and the others when they are asked for.
LONGEST_PROMPT, LONGEST_ANSWER = 40, 24
# What cannot be seen as it is: what stands for it, and what a screen reader says.
MARKS = {" ": ("␣", "space"), "\n": ("⏎", "end of the line")}
SHAPES = {
    "fit": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
    "extrapolation": "M0 -6.5L6 4.5H-6Z",
    "recall": "M-4.5 -4.5H4.5V4.5H-4.5Z",
}


def answers_html(study: Study, prompt: str, trained_on: str, seeds: str, checkpoint: int) -> str:
    """What every rung answers, side by side; or why nobody can be asked.

    Args:
        study: The study.
        prompt: What was typed.
        trained_on: The ladder.
        seeds: The run of each of its models.
        checkpoint: The place of the checkpoint among those kept, from 1 on; the end of training is behind the last.
    """
    steps, step = study.kept_steps[trained_on], study.step(trained_on, checkpoint)
    try:
        runs = study.runs(trained_on, seeds)
        answers = [answer(run, prompt, step) for run in runs]
    except ValueError as error:
        return _render("answers.html.jinja", fault=str(error))
    block_sizes = sorted({run["config"]["block_size"] for run in runs})
    return _render(
        "answers.html.jinja",
        fault="",
        answers=answers,
        prompt=prompt if len(prompt) <= LONGEST_PROMPT else "…" + prompt[-LONGEST_PROMPT:],
        length=len(prompt),
        num_read=block_sizes if len(prompt) > block_sizes[0] else [],
        right_answers=list(dict.fromkeys(question["answer"] for one in answers for question in one.questions)),
        right=[answer.model for answer in answers if answer.is_right],
        step=step,
        last=max(run["last"]["step"] for run in runs),
        steps=steps,
        marks=MARKS,
        longest=LONGEST_ANSWER,
    )


def tradeoff_html(ladder: Ladder, step: int | None = None) -> str:
    """The figure of a ladder's rates against its models' sizes, after `step` steps or at the end of training."""
    return _render(
        "tradeoff.html.jinja",
        step=step,
        all_series=series_of(ladder),
        names=names_of(ladder),
        shapes=SHAPES,
        fewest_runs=min(cell.num_runs for cell in ladder.cells),
        most_runs=max(cell.num_runs for cell in ladder.cells),
    )


def style() -> str:
    """The page's CSS."""
    return _read("page.css")


def _render(template: str, **content: Any) -> str:
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    jinja.filters["shown"] = shown
    return jinja.from_string(_read(template)).render(content)


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
