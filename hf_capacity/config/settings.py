"""Settings as nested mappings: set by dotted keys, and laid flat."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ..boundary.reading import quote
from .experiment import ExperimentConfig


KEYS = {entry.name for entry in fields(ExperimentConfig)}
# What a task or a model given by its name stands for, when one of its own keys is to change.
NAME_KEYS = {"task": "path", "model": "name"}


def is_key(axis: str) -> bool:
    """Whether an axis of a grid is named as a key of a run, dotted where it lies deeper."""
    return axis.partition(".")[0] in KEYS


def settings_of(axis: str, entry: Any) -> dict[str, Any]:
    """What an entry of an axis sets, by dotted key."""
    return {axis: entry} if is_key(axis) else entry


def entries_of(content: list[Any] | dict[str, Any]) -> list[Any]:
    """The entries of an axis, whether it names them or not."""
    return list(content.values()) if isinstance(content, dict) else content


def apply(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Settings with some keys changed, dotted where they lie deeper.

    Raises:
        ValueError: A dotted key leads through a value that has no keys.
    """
    for key, value in changes.items():
        settings = _apply_one(settings, key.split("."), value)
    return settings


def flatten(settings: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested settings as dotted keys and their values; the mappings of a list are counted from 1."""
    for key, value in settings.items():
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            value = {str(place): entry for place, entry in enumerate(value, 1)}
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _apply_one(settings: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    key, *deeper = path
    if deeper:
        inner = settings.get(key, {})
        if isinstance(inner, str) and key in NAME_KEYS:
            inner = {NAME_KEYS[key]: inner}
        if not isinstance(inner, dict):
            raise ValueError(
                f"`{quote('.'.join(path))[1:-1]}` cannot be set: `{quote(key)[1:-1]}` (={quote(inner)}) has no "
                "keys of its own."
            )
        value = _apply_one(inner, deeper, value)
    return settings | {key: value}
