"""Which rows are withheld: by share, by the value of a column, or by a list of prompts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataset_builders.building import drawn_order, listed, number_withheld, shorten

from .rows import Source, read_lines


DEFAULT_FRACTION = 0.1


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """What is asked and never read: one of these, a tenth of the rows unless given.

    Args:
        fraction (`float`, *optional*): A share of the rows, drawn by the split seed.
        where (`str`, *optional*): `COLUMN=VALUE`: rows that have this value there.
        prompts (`str`, *optional*): A file: rows whose prompt is a line of it.
        nothing (`bool`, defaults to `False`): No row, since answers can only be known.

    Raises:
        `ValueError`: if several are given, or `where` has no column.
    """

    fraction: float | None = None
    where: str | None = None
    prompts: str | None = None
    nothing: bool = False

    def __post_init__(self):
        given = [field.name for field in fields(self) if getattr(self, field.name) is not field.default]
        if len(given) > 1:
            options = {"nothing": "--facts", "prompts": "--withheld-list"}
            named = " and ".join(f"`{options.get(name, f'--withheld-{name}')}`" for name in given)
            raise ValueError(f"{named} each say what is withheld: give one of them.")
        if not given:
            object.__setattr__(self, "fraction", DEFAULT_FRACTION)
        if self.where is not None and not (self.column and "=" in self.where):
            raise ValueError(f"`--withheld-where` (={shorten(self.where)}) must be COLUMN=VALUE, such as split=test.")

    @property
    def column(self) -> str | None:
        """The column whose values decide, if one does."""
        return None if self.where is None else self.where.partition("=")[0]

    def describe(self, split_seed: int) -> str:
        """How rows are withheld, as a card says it."""
        if self.nothing:
            return "nothing is withheld"
        if self.where is not None:
            return f"rows with {self.where}"
        if self.prompts is not None:
            return "rows whose prompts were listed"
        return f"a share of {self.fraction:g}, drawn by split seed {split_seed}"


def mark_withheld(rows: pa.Table, withheld: Withheld, source: Source) -> np.ndarray:
    """Which rows are withheld by their column or by a list, shape (rows,); none of them where a share is drawn.

    Raises:
        `ValueError`: if that is none or all of them, or the list has a prompt that no row has.
    """
    if withheld.where is not None:
        value = withheld.where.partition("=")[2]
        is_withheld = pc.equal(rows["other"], value)
        there = listed(pc.unique(rows["other"]).to_pylist())
        named, remedy = f"`--withheld-where` (={shorten(withheld.where)})", f"the column holds {there}"
    elif withheld.prompts is not None:
        prompts = pa.array(read_lines(withheld.prompts), pa.string())
        is_withheld = pc.is_in(rows["prompt"], prompts)
        unknown = prompts.filter(pc.invert(pc.is_in(prompts, rows["prompt"].combine_chunks())))
        named, remedy = f"`--withheld-list` (={shorten(withheld.prompts)})", "list some of the prompts"
        if len(unknown):
            raise ValueError(
                f"{len(unknown)} of {len(prompts)} lines of {named} are no prompts of {shorten(source.label)}, such "
                f"as {shorten(unknown[0].as_py())}: write each as it is in the data."
            )
    else:
        return np.zeros(len(rows), dtype=bool)
    number = pc.sum(is_withheld).as_py() or 0
    if not 0 < number < len(rows):
        raise ValueError(
            f"{named} withholds {'all' if number else 'none'} of the {len(rows):,} rows of {shorten(source.label)}, "
            f"and some must be withheld and some be read: {remedy}, and `--facts` withholds nothing."
        )
    return is_withheld.to_numpy()


def draw_withheld(lines: Sequence[str], fraction: float, split_seed: int) -> tuple[np.ndarray, int]:
    """A share of the lines, drawn so that those that are left have every character.

    Returns:
        Which are withheld, shape (lines,), and how many were drawn that could not be: nothing else has a character
        of theirs.

    Raises:
        `ValueError`: if the share is of none or all of them, or so many cannot be withheld.
    """
    number = number_withheld(fraction, len(lines), "rows")
    lines_with = Counter(character for line in lines for character in set(line))
    is_withheld, passed = np.zeros(len(lines), dtype=bool), 0
    for place in drawn_order(len(lines), f"withheld-{split_seed}"):
        characters = set(lines[place])
        if min(lines_with[character] for character in characters) == 1:
            passed += 1
            continue
        lines_with.subtract(characters)
        is_withheld[place] = True
        number -= 1
        if not number:
            return is_withheld, passed
    raise ValueError(
        f"`--withheld-fraction` (={fraction:g}) asks for {number:,} rows more than can be withheld: each of the "
        "others has a character that no other row would have. Take a smaller share."
    )


def check_characters(lines: Sequence[str], is_withheld: np.ndarray, source: Source) -> None:
    """A `ValueError` if withheld lines have characters that are never read: no model could write them."""
    alphabet = set().union(*(lines[place] for place in np.flatnonzero(~is_withheld)))
    odd = [place for place in np.flatnonzero(is_withheld) if not alphabet.issuperset(lines[place])]
    if odd:
        raise ValueError(
            f"{len(odd)} of {is_withheld.sum()} withheld rows of {shorten(source.label)} have characters that no row "
            f"has that is read, such as {listed(sorted(set(lines[odd[0]]) - alphabet))} in "
            f"{shorten(lines[odd[0]])}: let a row with them be read, or leave these rows out."
        )
