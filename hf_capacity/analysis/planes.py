"""Planes: the cells of a study over two of its numeric settings, all else alike."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..config.arms import SIZES
from ..config.experiment import SEEDS
from ..config.rows import LINE_KEYS
from ..config.settings import flatten
from .cells import Cell
from .times import WATCHED, unite_stopped


# Of either setting, beside each value of the other: fewer show no border.
FEWEST_VALUES = 3
# The one text that goes with a number: a rung's name with its width.
NAME_OF_A_RUNG = "model.name"

Settings = dict[str, Any]


class Axis(NamedTuple):
    """A numeric setting in a plane.

    Args:
        name: What figures call it.
        values: Those that there are, small ones first.
    """

    name: str
    values: list[float]


class Plane(NamedTuple):
    """Cells over two settings.

    Args:
        x: The setting that figures draw from left to right.
        y: The one that they draw upwards.
        cells: By their places in the values of `x` and of `y`; a place may be empty.
    """

    x: Axis
    y: Axis
    cells: dict[tuple[int, int], Cell]


def planes_of(cells: Sequence[Cell]) -> list[Plane]:
    """The planes of a study, of any two settings that have three values or more beside each of the other's.

    Numbers that change along with one of the two, such as the lowest learning rate with the highest, are part of it.
    """
    cells = unite_stopped(cells)
    settings = [_settings(cell) for cell in cells]
    keys = list(dict.fromkeys(key for own in settings for key in own))
    numeric = [key for key in keys if len({own[key] for own in settings if _is_number(own.get(key))}) >= FEWEST_VALUES]
    numeric.sort(key=WATCHED.__contains__)
    planes: dict[frozenset, Plane] = {}
    for pair in itertools.combinations(numeric, 2):
        own = [place for place, of in enumerate(settings) if all(_is_number(of.get(key)) for key in pair)]
        rest = _rest(pair, keys, [settings[place] for place in own])
        groups: dict[tuple[str, ...], list[int]] = {}
        for place in own:
            groups.setdefault(tuple(str(settings[place].get(key)) for key in rest), []).append(place)
        for group in groups.values():
            plane = _plane(pair, [cells[place] for place in group], [settings[place] for place in group])
            if _is_crossed(plane):
                # Of settings that go together, up or down, the first one names the plane, and never `steps`.
                planes.setdefault(_divisions(plane), plane)
    return list(planes.values())


def _settings(cell: Cell) -> Settings:
    settings = LINE_KEYS | dict(flatten(cell.records[0]["config"]))  # a config leaves these out at their defaults
    return {key: value for key, value in settings.items() if key not in SEEDS}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _rest(pair: tuple[str, str], keys: Sequence[str], settings: Sequence[Settings]) -> list[str]:
    """The settings that are alike throughout a plane: all that do not go with a number of either axis."""
    return [
        key
        for key in keys
        if key not in pair
        and not (
            all(key == NAME_OF_A_RUNG or _is_number(own.get(key)) for own in settings)
            and any(_goes_with(key, axis, settings) for axis in pair)
        )
    ]


def _goes_with(key: str, axis: str, settings: Sequence[Settings]) -> bool:
    pairs = {(own[axis], own.get(key)) for own in settings}
    return len(pairs) == len({value for value, _ in pairs})


def _plane(pair: tuple[str, str], cells: Sequence[Cell], settings: Sequence[Settings]) -> Plane:
    values = [sorted({own[key] for own in settings}) for key in pair]
    places = [tuple(axis.index(own[key]) for key, axis in zip(pair, values, strict=True)) for own in settings]
    by_place = dict(zip(places, cells, strict=True))
    return Plane(*(_axis(number, pair[number], values[number], by_place) for number in (0, 1)), by_place)


def _axis(number: int, key: str, values: list[float], cells: dict[tuple[int, int], Cell]) -> Axis:
    """An axis by the last name of its setting; by numbers of parameters, where it sets sizes and these go with it."""
    sizes: list[set[int]] = [set() for _ in values]
    for place, cell in cells.items():
        sizes[place[number]].add(cell.num_parameters)
    if key in SIZES and all(len(found) == 1 for found in sizes):
        return Axis("number of parameters", [found.pop() for found in sizes])
    return Axis(key.rpartition(".")[2], values)


def _divisions(plane: Plane) -> frozenset:
    """Which cells share a value of one of its settings, whatever that value is."""
    divisions = []
    for axis in (0, 1):
        sharing: dict[int, set[int]] = {}
        for at, cell in plane.cells.items():
            sharing.setdefault(at[axis], set()).add(id(cell))
        divisions.append(frozenset(map(frozenset, sharing.values())))
    return frozenset(divisions)


def _is_crossed(plane: Plane) -> bool:
    return all(min(Counter(at).values()) >= FEWEST_VALUES for at in zip(*plane.cells, strict=True))
