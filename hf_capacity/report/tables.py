"""Cells to Markdown tables: what was measured, over how many runs, and how sure it is."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..analysis.cells import RATES, Cell, Mean, Share
from ..analysis.paper import NUM_QUESTIONS, published_accuracy, published_loss
from ..boundary.shown import ABSENT, shown


KIND_NAMES = {"addition": "addition", "subtraction": "subtraction", "capital": "facts"}
CODE = re.compile(r"((?<!`)(?:`[^`]+`|``.+?``(?!`)|```+.+```+))")
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)")


def cell_table(cells: Sequence[Cell]) -> str:
    """The headline: a row a cell, and under the cells of one training set their floor.

    A single run shows its counts; several show their mean, its interval, and in how many all was right.

    Args:
        cells: In the order of `cells_of`.

    Returns:
        The table without a newline at its end.
    """
    many = any(cell.num_runs > 1 for cell in cells)
    rows = []
    for place, cell in enumerate(cells):
        record = cell.records[0]
        row = [*names(cell), f"{cell.num_parameters:,}", f"{record['num_parameters_without_positions']:,}"]
        row += [str(cell.num_runs)] if many else []
        row += [_rate(cell, rate) for rate in RATES]
        row += [share_text(cell.share(cell.all_right("extrapolation")))] if many and has_withheld(cell) else []
        row += [ABSENT] if many and not has_withheld(cell) else []
        row += [_number(cell, cell.values("loss"), "{:.3f}"), _best(cell), _late(cell)]
        rows.append(row)
        if place + 1 == len(cells) or cells[place + 1].task != cell.task:
            group = [record for other in cells if other.task == cell.task for record in other.records]
            floors = [_floor(group, rate) for rate in RATES]
            rows.append([cell.task, "*floor*", "", "", "", *([""] if many else []), *floors, *([""] if many else [])])
            rows[-1] += ["", "", ""]
    columns = ["parameters", "without positions", *(["runs"] if many else []), *RATES]
    columns += [*(["all withheld right"] if many else []), "loss", "best on withheld", "late solved"]
    return markdown_table(["trained on", "model", "differs in", *columns], rows)


def questions_interval_table(cells: Sequence[Cell]) -> str:
    """How precisely each model was measured at its last checkpoint, where cells have one run."""
    rows = []
    for cell in cells:
        intervals = cell.records[0]["last"]["intervals_over_questions_of_one_model"]
        ends = [
            " to ".join(f"{end:.3f}" for end in intervals[rate]) if rate in intervals else ABSENT for rate in RATES
        ]
        rows.append([*names(cell), *ends])
    return markdown_table(["trained on", "model", "differs in", *RATES], rows)


def choice_table(cells: Sequence[Cell]) -> str:
    """The checkpoints that the study would have chosen; of several runs, how much the choice flatters."""
    if all(cell.num_runs == 1 for cell in cells):
        rows = []
        for cell in cells:
            best = cell.records[0]["best_on_withheld"]
            counts = [fraction(best["counts"].get(rate)) for rate in RATES]
            rows.append([*names(cell), f"{best['step']:,}", *counts, f"{best['loss']:.3f}"])
        return markdown_table(["trained on", "model", "differs in", "step", *RATES, "loss"], rows)
    rows = []
    for cell in filter(has_withheld, cells):
        last, best = cell.values("extrapolation"), cell.values("extrapolation", "best_on_withheld")
        shares = [cell.share(cell.all_right("extrapolation", part)) for part in ("last", "best_on_withheld")]
        flattery = cell.mean([b - a for a, b in zip(last, best, strict=True)])
        rows.append([*names(cell), str(cell.num_runs), *map(share_text, shares), mean_text(flattery, "{:+.3f}")])
    header = ["trained on", "model", "differs in", "runs", "all right, last", "all right, best", "best - last"]
    return markdown_table(header, rows) if rows else ""


def comparison_table(cells: Sequence[Cell]) -> str:
    """Ours in the study's own scoring beside the published figures; empty where no cell is the study's."""
    known = [cell for cell in cells if cell.is_papers and published_accuracy(cell.task, cell.rung)]
    kinds = [kind for kind in KIND_NAMES if any(kind in published_accuracy(cell.task, cell.rung) for cell in known)]
    rows = []
    for cell in known:
        published = published_accuracy(cell.task, cell.rung)
        row = names(cell)
        for kind in kinds:
            if kind not in published:
                row += [ABSENT] * 3
                continue
            for part in ("last", "best_on_withheld"):
                counts = [record[part]["published_scoring"][kind] for record in cell.records]
                mean = _number(cell, [right for right, _ in counts], "{:.1f}").removesuffix(".0")
                row.append(f"{mean}/{counts[0][1]}" if cell.num_runs == 1 else mean)
            row.append(_published_fraction(published[kind], NUM_QUESTIONS[kind]))
        loss = published_loss(cell.task, cell.rung)
        rows.append([*row, _number(cell, cell.values("loss"), "{:.4f}"), loss or ABSENT])
    columns = [column for kind in kinds for column in (f"{KIND_NAMES[kind]}: last", "best", "published")]
    header = ["trained on", "model", "differs in", *columns, "loss: last", "published"]
    return markdown_table(header, rows) if rows else ""


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], num_texts: int = 3) -> str:
    """Lays a table out so that it reads well before it is rendered too; a column "differs in" is left out if empty."""
    table = [[_cell_text(text) for text in row] for row in [header, *rows]]
    if "differs in" in header and not any(row[header.index("differs in")] for row in table[1:]):
        empty = header.index("differs in")
        table = [row[:empty] + row[empty + 1 :] for row in table]
        num_texts -= 1
    widths = [max(3, *map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        [
            text.ljust(width) if column < num_texts else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    rule = ["-" * width if column < num_texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def code(text: str) -> str:
    """A text as code, whatever backticks are in it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{shown(text)}{space}{fence}"


def plain(text: str) -> str:
    """A text that is not code, without what Markdown would take for a picture or for HTML."""
    return MARKUP.sub(r"\\\g<0>", shown(text))


def _cell_text(text: str) -> str:
    pieces = CODE.split(text)  # every other piece is code
    text = "".join(shown(piece) if place % 2 else plain(piece) for place, piece in enumerate(pieces))
    return text.replace("|", "\\|")


def names(cell: Cell) -> list[str]:
    """The columns that say which cell a row is of."""
    return [cell.task, cell.model, cell.differs]


def has_withheld(cell: Cell) -> bool:
    """Whether its questions include unseen ones of a rule."""
    return "extrapolation" in cell.rates


def mean_text(mean: Mean, form: str = "{:.3f}") -> str:
    """A mean with its interval; runs that all came out the same have none that means anything."""
    if mean.interval is None:
        return form.format(mean.value)
    low, high = mean.interval
    ends = "all alike" if low == high else f"{form.format(low)} to {form.format(high)}"
    return f"{form.format(mean.value)} ({ends})"


def share_text(share: Share) -> str:
    """k/n with the interval of the rate."""
    low, high = share.interval
    return f"{share.count}/{share.total} ({low:.2f} to {high:.2f})"


def p_text(p_value: float) -> str:
    """A p value to two digits."""
    return f"{p_value:.2g}" if p_value >= 0.0001 else "< 0.0001"


def fraction(count: Sequence[int] | None) -> str:
    """A count of right answers."""
    return ABSENT if count is None else f"{count[0]:,}/{count[1]:,}"


def _number(cell: Cell, values: Sequence[float], form: str) -> str:
    return mean_text(cell.mean(values), form)


def _rate(cell: Cell, rate: str) -> str:
    if rate not in cell.rates:
        return ABSENT
    if cell.num_runs == 1:
        return fraction(cell.records[0]["last"]["counts"][rate])
    return mean_text(cell.mean(cell.values(rate)))


def _best(cell: Cell) -> str:
    if not has_withheld(cell):
        return ABSENT
    if cell.num_runs == 1:
        best = cell.records[0]["best_on_withheld"]
        return f"{fraction(best['counts']['extrapolation'])} at {best['step']:,}"
    return mean_text(cell.mean(cell.values("extrapolation", "best_on_withheld")))


def _late(cell: Cell) -> str:
    if not has_withheld(cell):
        return ABSENT
    if cell.num_runs == 1:
        return fraction(cell.records[0]["late_evaluations_solved"])
    return mean_text(cell.mean(cell.late_shares()))


def _floor(records: Sequence[dict[str, Any]], rate: str) -> str:
    """The floor of a rate as a count like those above it, or its mean over runs that were asked other questions."""
    floors = [record["last"]["floors"][rate] for record in records if rate in record["last"]["floors"]]
    asked = {record["last"]["counts"][rate][1] for record in records if rate in record["last"]["counts"]}
    if not floors:
        return ABSENT
    if len(set(floors)) == 1 and len(asked) == 1:
        return fraction((round(floors[0] * min(asked)), min(asked)))
    return f"{sum(floors) / len(floors):.3f}"


def _published_fraction(accuracy: float, questions: int) -> str:
    """A mean over ten samples a question as a number of questions: 0.082 of 50 is 4.1/50."""
    return f"{accuracy * questions:.1f}".removesuffix(".0") + f"/{questions}"
