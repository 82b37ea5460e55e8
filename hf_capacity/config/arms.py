"""Arms: the names that a study's author gives to the entries of an axis, and which of them a run is of.

Names are for people: no run's id, config or record has them. Whose they are is found by matching a record's config
against the study's definition.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..boundary.reading import parse_yaml, quote
from .embeddings import by_digest
from .experiment import SEEDS, ExperimentConfig
from .model_keys import STANDARD_NAMES
from .settings import NAME_KEYS, apply, flatten, is_key, settings_of


LONGEST_ARM = 40
ARM_NAME = re.compile(r"[^\W_](?:[\w.+ -]*[\w+-])?")
# By what tables call a model: the names of an axis that sets nothing else are names of models.
SIZES = {"model", *(f"model.{key}" for key in ("name", "model_type", "n_layer", "n_head", "n_embd", "num_parameters"))}


class Arm(NamedTuple):
    """A named entry of an axis.

    Args:
        place: Where the author lists it.
        name: What the author calls it.
        axis: The axis.
    """

    place: int
    name: str
    axis: str


@dataclass(frozen=True, kw_only=True)
class Arms:
    """The named axes of a study's grid.

    Args:
        axes: By axis, the names of its entries and what each sets, as in the study's YAML.
        settings: Of what all runs share, that which an arm may set otherwise.
    """

    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    _found: dict[str, dict[str, Arm]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, grid: dict[str, Any], settings: dict[str, Any]) -> "Arms":
        """The arms of a study's grid, beside the settings that all its runs share."""
        named = {axis: entries for axis, entries in grid.items() if isinstance(entries, dict)}
        arms = cls(axes={axis: _by_digest(axis, entries) for axis, entries in named.items()})
        outer = {key.partition(".")[0] for axis in arms.axes for key in arms._keys(axis)}
        return cls(axes=arms.axes, settings={key: by_digest(key, settings[key]) for key in settings if key in outer})

    def find(self, config: dict[str, Any]) -> dict[str, Arm]:
        """The arm of each axis that a run is of: the one that comes closest to its config.

        An axis is left out if no arm is closer than all others, or if most of what the closest one sets does not hold
        (of names of models, anything): then an override has set what sets its arms apart.

        Args:
            config: A run's config as records have it.
        """
        if not self.axes:
            return {}
        identity = json.dumps({key: value for key, value in config.items() if key not in SEEDS}, sort_keys=True)
        if identity not in self._found:  # the many seeds of a cell are matched once
            found = {axis: self._closest(axis, config) for axis in self.axes}
            self._found[identity] = {axis: arm for axis, arm in found.items() if arm}
        return self._found[identity]

    def names_models(self, axis: str) -> bool:
        """Whether an axis sets nothing but what tables call a model by, so that its names are those of models."""
        return self._keys(axis) <= SIZES

    def _keys(self, axis: str) -> set[str]:
        return {_in_our_names(key) for entry in self.axes[axis].values() for key in settings_of(axis, entry)}

    def _closest(self, axis: str, config: dict[str, Any]) -> Arm | None:
        keys, found = self._keys(axis), []
        most_unlike = 0 if self.names_models(axis) else 1 / 2
        flat = dict(flatten(config))
        for place, (name, entry) in enumerate(self.axes[axis].items()):
            own = {_in_our_names(key): value for key, value in settings_of(axis, entry).items()}
            said = settings_said(own)
            try:
                planned = ExperimentConfig.from_dict(apply(self._without(config, keys), own))
            except ValueError:  # it is no run without what another axis sets below the same key
                differing = {key for key, value in said.items() if (key, value) not in flat.items()}
            else:
                candidate = dict(flatten(planned.to_dict()))
                differing = {
                    key for key in flat | candidate if flat.get(key) != candidate.get(key) and _lies_in(key, keys)
                }
            found.append(
                (len(differing), Arm(place, name, axis), len(said.keys() & differing) <= most_unlike * len(said))
            )
        found.sort()
        is_tie = len(found) > 1 and found[0][0] == found[1][0]
        return found[0][1] if found and found[0][2] and not is_tie else None

    def _without(self, config: dict[str, Any], keys: set[str]) -> dict[str, Any]:
        """A config in which no arm has set any of the keys: they are as all runs share them, or at their defaults."""
        for key in keys:
            config = _remove(config, key.split("."))
            shared = self.settings
            for part in key.split("."):
                shared = shared.get(part) if isinstance(shared, dict) else None
            if shared is not None:
                config = apply(config, {key: shared})
        return config


def check_axis(axis: str, entries: Any) -> None:
    """Refuses an axis of a grid that is neither a list of entries nor a mapping of names to entries.

    Args:
        axis: Its name.
        entries: Its content.

    Raises:
        ValueError: There is no entry, one is not what the axis takes, or a name is no plain text, too long, or that of
            another arm once it is spelled for a repository; two arms set the same; or they set seeds.
    """
    where = f"`grid.{quote(axis)[1:-1]}`"
    if not isinstance(entries, list | dict) or not entries:
        raise ValueError(
            f"{where} (={quote(entries)}) must be a list with at least one entry, or a mapping of names to entries."
        )
    values = list(entries.values()) if isinstance(entries, dict) else entries
    if not is_key(axis) and not all(isinstance(entry, dict) for entry in values):
        raise ValueError(f"{where} is no key of a run, so its entries must be mappings that set such keys.")
    if isinstance(entries, dict):
        _check_names(where, entries)
        _check_settings(where, {name: settings_of(axis, entry) for name, entry in entries.items()})


def name_in_repository(name: str) -> str:
    """An arm's name as a part of a repository's: `rule first` is `rule-first`, other letters than a to z a digest."""
    if name.isascii():
        return spell_for_the_hub(name)
    return f"{spell_for_the_hub(name)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def spell_for_the_hub(text: str) -> str:
    """A text in the letters of which the Hub makes names, those that it does not take left out or as hyphens."""
    return re.sub(r"([.-])[.-]+", r"\1", re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)).strip("-.")


def _check_names(where: str, names: dict[str, Any]) -> None:
    spelled: dict[str, str] = {}
    for name in names:
        if len(name) > LONGEST_ARM or not ARM_NAME.fullmatch(name) or parse_yaml(name, where) != name:
            raise ValueError(
                f"{where} calls an arm {quote(name)}: take letters, digits, `-`, `_`, `.`, `+` and spaces, a letter "
                f"or digit first, at most {LONGEST_ARM} in all, and no number by itself."
            )
        other = spelled.setdefault(name_in_repository(name).lower(), name)
        if other != name:
            raise ValueError(
                f"{where} calls arms {other!r} and {name!r}, which the name of a repository would spell alike: change "
                "one of them."
            )


def _check_settings(where: str, arms: dict[str, dict[str, Any]]) -> None:
    known: dict[str, str] = {}
    for name, settings in arms.items():
        other = known.setdefault(json.dumps(settings, sort_keys=True), name)
        if other != name:
            raise ValueError(f"{where} sets the same in arms {other!r} and {name!r}: leave one of them out.")
        if set(SEEDS) & set(settings):
            raise ValueError(f"{where} sets a seed in arm {name!r}, but runs of one arm differ in seeds: list those.")


def _by_digest(axis: str, entries: dict[str, Any]) -> dict[str, Any]:
    key = axis if is_key(axis) else ""
    return {name: by_digest(key, entry) for name, entry in entries.items()}


def _in_our_names(key: str) -> str:
    outer, _, inner = key.partition(".")
    return f"{outer}.{STANDARD_NAMES.get(inner, inner)}" if outer == "model" and inner else key


def settings_said(settings: dict[str, Any]) -> dict[str, Any]:
    """What an arm's settings say of a config, by its keys, each at its deepest."""
    nested = {
        key: {NAME_KEYS[key]: value} if key in NAME_KEYS and isinstance(value, str) else value
        for key, value in settings.items()
    }
    return {_in_our_names(key): value for key, value in flatten(nested)}


def _lies_in(key: str, keys: set[str]) -> bool:
    parts = key.split(".")
    return any(".".join(parts[:length]) in keys for length in range(1, len(parts) + 1))


def _remove(settings: dict[str, Any], path: list[str]) -> dict[str, Any]:
    key, *deeper = path
    if deeper and isinstance(settings.get(key), dict):
        return settings | {key: _remove(settings[key], deeper)}
    return settings if deeper else {other: value for other, value in settings.items() if other != key}
