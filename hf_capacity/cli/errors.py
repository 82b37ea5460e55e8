"""How a command ends where what it was given cannot be used: in one line, with exit code 2, never in a traceback."""

import functools
import json
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from ..boundary.reading import check_spelling
from ..boundary.shown import hide_secrets, keep_secrets_out_of_logs, shown, shown_lines


P = ParamSpec("P")
T = TypeVar("T")
LONGEST_MESSAGE = 1_200
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def refuses_mistakes(command: Callable[P, T]) -> Callable[P, T]:
    """Decorates a command: what it raises for a user's mistake, or for an unreadable file, ends it in a line."""

    @functools.wraps(command)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for stream in (sys.stdout, sys.stderr):
            # What a terminal cannot show, in whatever locale, is shown escaped.
            stream.reconfigure(errors="backslashreplace")
        keep_secrets_out_of_logs()
        try:
            for name, value in kwargs.items():
                for part in value if isinstance(value, list) else [value]:
                    check_spelling(name, part)
            return command(*args, **kwargs)
        except BrokenPipeError:  # whoever read the output has enough, as `| head` has: Typer ends without a word
            raise
        except (ValueError, OSError) as error:
            raise refuse(error) from None
        except Exception:  # a mistake of ours is shown whole, but for a secret in it
            trace = traceback.format_exc()
            if hide_secrets(trace) == trace:
                raise
            echo(trace, err=True)
            raise typer.Exit(1) from None

    return checked


def echo(text: str, err: bool = False) -> None:
    """Writes lines, whatever somebody put into them."""
    typer.echo(shown_lines(text), err=err)


def echo_json(value: Any) -> None:
    """Writes what a program is to read, as one JSON document."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def refuse(error: Exception) -> typer.Exit:
    """Shows a user's mistake in a line, and gives the exit of one to raise."""
    typer.echo(f"Error: {shown(shorten(hide_secrets(str(error))))}", err=True)
    return typer.Exit(2)


def shorten(message: str) -> str:
    """A message on one line, cut in its middle where it quotes too much."""
    message = " ".join(message.split())
    half = LONGEST_MESSAGE // 2
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:half]} ... {message[-half:]}"
