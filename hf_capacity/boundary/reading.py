"""What a user gives as text: files, YAML and JSON, within limits; every fault is a `ValueError` of one line."""

import json
import math
import os
import re
import reprlib
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml


# A study is a page or two; a record of a run with its answers some hundred kilobytes.
MOST_BYTES = 1_000_000
MOST_BYTES_OF_JSON = 64_000_000
# Aliases included, so that a page of them does not stand for gigabytes. So many are read in half a
# second.
MOST_NODES = 20_000
DEEPEST = 20
LONGEST_QUOTE = 200

# Decimal digits, with a point and an exponent if need be; no leading zeros, underscores or colons.
PLAIN_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", flags=re.ASCII)
HALF_A_CHARACTER = "has half a character (a surrogate), which no file can hold"
_DEEP = f"is nested more than {DEEPEST} levels deep"


class _StrictLoader(yaml.SafeLoader):
    """YAML as it is meant: each key once, and a plain number is a number however it is written.

    YAML 1.1 reads `1e-3` as text, `010` as 8, `1:30` as 90, `1_000` as 1000 and `on` as true: here a number is
    written in decimal digits, with a point and an exponent if need be, only `true` and `false` are truth values, and
    everything else is text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def __init__(self, text: str):
        super().__init__(text)
        self.depth, self.num_nodes = 0, 0
        self.sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        before, event = self.num_nodes, self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self.anchors and event.anchor not in self.sizes:
                raise yaml.MarkedYAMLError(
                    problem=f"has the alias {quote(event.anchor)} inside of what it stands for",
                    problem_mark=event.start_mark,
                )
            self._count(self.sizes.get(event.anchor, 1))
            return super().compose_node(parent, index)
        self._count(1)
        if event.tag is not None:  # `!!float 1_0` would be another number
            raise yaml.MarkedYAMLError(
                problem=f"has the tag {quote(event.tag)}; tags are not read here", problem_mark=event.start_mark
            )
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=_DEEP, problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and not _is_spelled(node.value):
            raise yaml.MarkedYAMLError(problem=HALF_A_CHARACTER, problem_mark=event.start_mark)
        if event.anchor:
            self.sizes[event.anchor] = self.num_nodes - before
        return node

    def _count(self, number: int) -> None:
        self.num_nodes += number
        if self.num_nodes > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"has more than {MOST_NODES:,} entries, aliases counted as what they stand for",
                problem_mark=self.get_mark(),
            )

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if key_node.tag != "tag:yaml.org,2002:str":
                named = quote(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "that is a collection"
                raise yaml.MarkedYAMLError(
                    problem=f"has a key {named}, where a name is expected", problem_mark=key_node.start_mark
                )
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"has the key {quote(key_node.value)} twice", problem_mark=key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        rf"{PLAIN_NUMBER.pattern}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    ("merge", r"<<", ["<"]),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def quote(value: Any) -> str:
    """A value as a message shows it: on one line, and cut in its middle where it is long."""
    shortener = reprlib.Repr()
    shortener.maxstring = shortener.maxother = shortener.maxlong = LONGEST_QUOTE
    shortener.maxdict = shortener.maxlist = shortener.maxtuple = shortener.maxset = 12
    text = shortener.repr(value)
    half = LONGEST_QUOTE // 2
    return text if len(text) <= LONGEST_QUOTE else f"{text[:half]} ... {text[-half:]}"


def check_spelling(name: str, value: object) -> None:
    """Refuses what is no UTF-8, as a path of another encoding: it can be neither shown nor written into a file.

    Raises:
        ValueError: `value`, which messages call `name`, is no UTF-8.
    """
    if not _is_spelled(str(value)):
        raise ValueError(f"`{name}` (={quote(str(value))}) is not UTF-8: give a name that is.")


def check_plain(name: str, value: Any) -> None:
    """Refuses what no JSON file can hold, or only one that `read_json` would refuse.

    Raises:
        ValueError: `value`, which messages call `name`, is too deep, too much, or holds something else than mappings
            of names, lists, text, finite numbers, true, false and null.
    """
    level, number, depth = [value], 1, 0
    while level:  # not one in the other: a stack has an end
        if depth > DEEPEST:
            raise ValueError(f"`{name}` {_DEEP}.")
        inner: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                _check_leaves(name, entry)
                entry = list(entry.values())
            if isinstance(entry, list | tuple):
                inner += entry
                number += len(entry)
                if number > MOST_NODES:
                    raise ValueError(f"`{name}` has more than {MOST_NODES:,} entries.")
            else:
                _check_leaves(name, [entry])
        level, depth = inner, depth + 1


def _check_leaves(name: str, values: Iterable[Any]) -> None:
    for value in values:
        is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        is_text = isinstance(value, str) and _is_spelled(value)
        if not (is_number or is_text or value is None):
            raise ValueError(f"`{name}` holds {quote(value)}, which is neither text nor a finite number.")


def _is_spelled(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_bytes(path: str | Path, most_bytes: int = MOST_BYTES_OF_JSON) -> bytes:
    """Reads an ordinary file of limited size.

    Raises:
        ValueError: It is no regular file, or too large.
        OSError: It is not there, or may not be read.
    """
    # Asked of the open file: nothing can be put in its place in between, and a pipe without a writer does not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path} is no ordinary file: name one that holds text.")
    with open(descriptor, "rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"{path} has more than the {most_bytes:,} bytes that are read of such a file.")
    return content


def read_text(path: str | Path, most_bytes: int = MOST_BYTES) -> str:
    """Reads a text file, as UTF-8 whatever the locale says.

    Raises:
        ValueError: It is no regular file, too large, or not UTF-8.
        OSError: It is not there, or may not be read.
    """
    content = read_bytes(path, most_bytes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start:,}): save it as UTF-8.") from None


def read_yaml(path: str | Path) -> Any:
    """The content of a YAML file (see `parse_yaml` and `read_text` for what is refused)."""
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, name: str) -> Any:
    """The content of a YAML text; `name` is what messages call it.

    Raises:
        ValueError: It is not YAML, has a key twice, is nested too deeply, or its aliases stand for too much.
    """
    try:
        loader = _StrictLoader(text)
        try:
            content = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1})" if mark else ""
        words = " ".join(filter(None, (error.context, error.problem)))
        raise ValueError(f"{name} is not valid YAML{where}: {_in_a_line(words)}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a character or a number that Python refuses
        raise ValueError(f"{name} is not valid YAML: {_in_a_line(str(error))}.") from None
    return content


def read_json(path: str | Path, most_bytes: int = MOST_BYTES_OF_JSON) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: It is not JSON, nested too deeply, or `read_text` refuses it.
        OSError: It is not there, or may not be read.
    """
    return _parse_json(read_text(path, most_bytes), str(path))


def read_json_lines(path: str | Path) -> list[Any]:
    """The content of a file with a JSON value a line (see `read_json` for what is refused)."""
    lines = read_text(path, MOST_BYTES_OF_JSON).removesuffix("\n").split("\n")
    return [_parse_json(line, f"line {number} of {path}") for number, line in enumerate(lines, 1)]


def _parse_json(text: str, name: str) -> Any:
    try:
        content = json.loads(text)
        _check_depth(content)
        if "\\ud" in text.lower() and not _is_spelled(json.dumps(content, ensure_ascii=False)):
            raise ValueError(HALF_A_CHARACTER)
    except RecursionError:
        raise ValueError(f"{name} {_DEEP}.") from None
    except ValueError:
        raise ValueError(f"{name} is not readable as JSON.") from None
    return content


def _check_depth(content: Any) -> None:
    """Level by level: ten thousand records are read at once, and their entries are many."""
    level = [content] if isinstance(content, (dict, list)) else []
    for _ in range(DEEPEST + 1):
        level = [
            entry
            for outer in level
            for entry in (outer.values() if type(outer) is dict else outer)
            if type(entry) is dict or type(entry) is list
        ]
        if not level:
            return
    raise RecursionError


def _in_a_line(words: str) -> str:
    return quote(" ".join(words.split()))[1:-1]
