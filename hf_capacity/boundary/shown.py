"""What others wrote, as it is shown: nothing in it moves a terminal's cursor, is markup, or is a secret."""

import functools
import logging
import os
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit


HIDDEN = "***"
# Stands where there is nothing to show.
ABSENT = "-"
SECRET_VARIABLE = re.compile(r"TOKEN|API_KEY|PASSWORD|SECRET", flags=re.IGNORECASE)
ADDRESS_VARIABLES = ("HF_ENDPOINT", "HF_INFERENCE_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# What is shorter is a word that stands in a sentence too; in an address it is hidden whatever its length.
SHORTEST_SECRET = 6
PARAMETER = r"[\w.-]*(?:token|key|secret|password|signature|credential|policy|\bsig|\bauth)[\w.-]*"
PATTERNS = [
    (re.compile(r"(://)[^/\s'\"<>]*@"), rf"\1{HIDDEN}@"),
    (re.compile(rf"([?&]{PARAMETER}=)[^&\s'\"<>)]+", flags=re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\b(?:Bearer|Basic) )[\w.~+/=-]{6,}", flags=re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{9,}"), HIDDEN),
]


def shown(text: object) -> str:
    """A text as a terminal shows it on one line: control characters, and those that turn its order, are escaped."""
    text = hide_secrets(str(text))
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shown_lines(text: str) -> str:
    """The same of a text of several lines."""
    return "\n".join(map(shown, text.split("\n")))


def hide_secrets(text: str) -> str:
    """A text without the tokens and passwords that stand in its addresses, or in this process's environment."""
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def spell_time(minutes: float) -> str:
    """Minutes in the unit that a person would take: `1 minute` at least, `7 hours`, `12 days`, `30 years`."""
    for unit, size in (("years", 525_600), ("days", 1_440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:,.0f} {unit}"
    return "1 minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def keep_secrets_out_of_logs() -> None:
    """Lets no logger of this process, of whatever library, write a secret."""
    make = logging.getLogRecordFactory()
    if getattr(make, "keeps_secrets", False):
        return

    def make_without_secrets(*args, **kwargs) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = hide_secrets(record.getMessage()), ()
        return record

    make_without_secrets.keeps_secrets = True
    logging.setLogRecordFactory(make_without_secrets)


def _secrets() -> Iterable[str]:
    found = [os.environ.get(name, "") for name in _names_of_secrets(tuple(os.environ))]
    for name in ADDRESS_VARIABLES:
        for address in filter(None, (os.environ.get(name), os.environ.get(name.lower()))):
            found += _secrets_of(address)
    return [secret for secret in found if len(secret) >= SHORTEST_SECRET and not secret.startswith(("/", "."))]


@functools.cache  # a report shows thousands of texts
def _names_of_secrets(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if SECRET_VARIABLE.search(name)]


def _secrets_of(address: str) -> Iterable[str]:
    try:
        url = urlsplit(address)
        # A name alone is a token; beside a password it is a name.
        written = (url.password or url.username) or ""
    except ValueError:
        return
    yield from (written, unquote(written))
    yield from (value for _, value in parse_qsl(url.query))
