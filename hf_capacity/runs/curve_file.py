"""The learning curve of a run, as it is written: row by row, and cut where the run goes on from."""

import json
from pathlib import Path
from typing import Any

from ..boundary.reading import read_bytes
from ..boundary.writing import Damaged, naming, short_digest, write_atomically
from .records import rows_of


class CurveFile:
    """The file of a learning curve, and what this process wrote into it: that is what is vouched for.

    Read again before it is sealed, damage in between would be sealed too.

    Args:
        path: The file.
        eval_steps: Steps from one regular row to the next.
    """

    def __init__(self, path: Path, eval_steps: int):
        self.path, self.eval_steps = path, eval_steps
        self._written: list[bytes] | None = None

    def append(self, row: dict[str, Any]) -> None:
        """Adds the row of one evaluation."""
        lines, line = self._lines(), f"{json.dumps(row)}\n".encode()
        with naming(self.path), open(self.path, "ab") as file:
            file.write(line)
        lines.append(line)

    def digest(self, step: int | None = None) -> str:
        """Digest of what was written: all of it, or the regular rows up to `step`."""
        return short_digest(b"".join(self._lines()[: None if step is None else len(self._regular(step))]))

    def cut(self, step: int, digest: str | None) -> list[dict[str, Any]]:
        """Keeps the regular rows up to `step`; what came after it will come again. Gives the rows that are left.

        Raises:
            Damaged: A row up to `step` is missing, cannot be read, or is not one that `digest` was taken of.
        """
        regular = self._regular(step)
        lines = [line for line in self._lines_on_disk() if line.endswith(b"\n")][: len(regular)]
        if len(lines) < len(regular):
            raise Damaged(f"{self.path} has not every row up to step {step}.")
        if digest not in (None, short_digest(b"".join(lines))):
            raise Damaged(f"{self.path} is not what was written up to step {step}.")
        rows = rows_of(lines, self.path)
        if [row["step"] for row in rows] != list(regular):
            raise Damaged(f"{self.path} has not every row up to step {step}.")
        write_atomically(self.path, b"".join(lines))
        self._written = lines
        return rows

    def forget(self) -> None:
        """The file is gone: what was written into it is not to be vouched for."""
        self._written = None

    def _regular(self, step: int) -> range:
        return range(0, step + 1, self.eval_steps)

    def _lines(self) -> list[bytes]:
        if self._written is None:
            self._written = self._lines_on_disk()
        return self._written

    def _lines_on_disk(self) -> list[bytes]:
        try:
            return read_bytes(self.path).splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except ValueError as fault:
            raise Damaged(str(fault)) from None
