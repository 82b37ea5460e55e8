"""The figures of the HTML page to explore, in Vega-Lite: rates against size, learning curves, comparisons."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..analysis.cells import RATES, Cell
from .comparisons import compare_sizes
from .figures import MEASURES
from .pairs import compare_pairs
from .study import Curves, StudyResults
from .wording import difference_text, mean_text, runs_text


Spec = dict[str, Any]
CONFIG = {
    "background": None,
    "axis": {
        "labelColor": "currentColor", "titleColor": "currentColor", "tickColor": "currentColor",
        "domainColor": "currentColor", "gridColor": "#88888855", "labelFontSize": 12, "titleFontSize": 12,
    },
    "legend": {
        "labelColor": "currentColor", "titleColor": "currentColor", "orient": "top", "title": None,
        "labelFontSize": 12, "columns": 1, "labelLimit": 300,
    },
    "text": {"color": "currentColor", "fontSize": 12},
    "view": {"stroke": None},
}  # fmt: skip
LABELS = {rate: look["label"] for rate, look in MEASURES.items()}
# Okabe and Ito's, light enough for a dark ground.
RATE_COLORS = {"fit": "#2B8FD0", "extrapolation": "#D55E00", "recall": "#009E73"}
SHAPES = {"fit": "circle", "extrapolation": "triangle-up", "recall": "square"}
# Training sets in one figure from the start; all of more would hide one another.
MOST_TOGETHER = 3
CAPTIONS = {
    "sizes": "Each rate against size: hover over a mark for its value, interval, n and run ids; click it for its "
    "learning curves. Bars are 95 % intervals over runs.",
    "curves": "Learning curves of one cell, as chosen here, in the figure above or by a model's name in any table: "
    "every run faint, their median strong.",
    "comparisons": "Every comparison of this report that has an interval, in one picture: hypotheses first, then "
    "the largest model less the smallest, then runs in pairs. Filled: the interval excludes 0.",
}


def cell_names(cells: Sequence[Cell]) -> dict[tuple[str, str, str], str]:
    """What the figures call each cell, by its names in tables."""
    return {(cell.task, cell.model, cell.differs): _name(cell) for cell in cells}


def explorer_specs(study: StudyResults) -> dict[str, Spec]:
    """The figures by the ids of the elements that they are drawn into."""
    specs = {"sizes": sizes_spec(study.cells), "curves": curves_spec(study.cells, study.curves)}
    rows = list(comparison_rows(study))
    return specs | ({"comparisons": comparisons_spec(rows)} if rows else {})


def explorer_body(specs: Mapping[str, Spec]) -> str:
    """HTML for the figures: an element each, with its caption."""
    parts = [
        f"<p><em>{CAPTIONS[name]}</em></p>\n<div{' class=tall' if name == 'comparisons' else ''}>"
        f'<div class="chart" id="{name}"></div></div>'
        for name in specs
    ]
    return "\n".join(parts)


def sizes_spec(cells: Sequence[Cell]) -> Spec:
    """Means of all rates against the number of parameters, with what a click on one picks."""
    rows = []
    for cell in cells:
        for rate in cell.rates:
            mean = cell.mean(cell.values(rate))
            low, high = mean.interval or (mean.value, mean.value)
            rows.append(
                {
                    "cell": _name(cell), "trained on": cell.title, "model": cell.model,
                    "parameters": cell.num_parameters, "rate": LABELS[rate], "mean": round(mean.value, 4),
                    "low": round(low, 4), "high": round(high, 4), "value": mean_text(mean), "n": runs_text([cell]),
                    "runs": ", ".join(record["run_id"] for record in cell.records),
                }
            )  # fmt: skip
    trained = list(dict.fromkeys(row["trained on"] for row in rows))
    choice = {
        "name": "trained",
        "value": trained[0] if len(trained) > MOST_TOGETHER else None,
        "bind": {"input": "select", "name": "trained on ", "options": [None, *trained], "labels": ["all", *trained]},
    }
    tooltip = ["trained on", "model", "parameters", "rate", "value", "n", "runs"]
    x = {"field": "parameters", "type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 20}}
    y = {"field": "mean", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "exact match"}
    shape = {"field": "rate", "scale": {"domain": _labels(cells), "range": [SHAPES[rate] for rate in _rates(cells)]}}
    return {
        "config": CONFIG,
        "width": "container",
        "height": 260,
        "description": "Rates against the number of parameters",
        "data": {"values": rows},
        "params": [choice] if len(trained) > 1 else [{"name": "trained", "value": None}],
        "transform": [{"filter": "trained == null || datum['trained on'] == trained"}],
        "encoding": {"x": x, "color": _color(cells)},
        "layer": [
            {
                "mark": {"type": "rule", "opacity": 0.5},
                "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "params": [{"name": "picked", "select": {"type": "point", "fields": ["cell"], "on": "click"}}],
                "mark": {"type": "point", "filled": True, "size": 90, "cursor": "pointer"},
                "encoding": {
                    "y": y,
                    "shape": shape,
                    "opacity": {"condition": {"param": "picked", "value": 1}, "value": 0.25},
                    "tooltip": [{"field": field, "type": "nominal"} for field in tooltip],
                },
            },
        ],
    }


def curves_spec(cells: Sequence[Cell], curves: Curves) -> Spec:
    """The learning curves of one cell, which a list chooses."""
    rows = [
        {"cell": _name(cell), "run": record["run_id"]}
        | {"step": [row["step"] for row in curves[record["run_id"]]]}
        | {LABELS[rate]: _values(curves[record["run_id"]], rate, cell) for rate in _rates(cells)}
        for cell in cells
        for record in cell.records
    ]
    names = list(dict.fromkeys(row["cell"] for row in rows))
    labels = _labels(cells)
    x = {"field": "step", "type": "quantitative", "title": "training steps"}
    y = {"field": "value", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "exact match"}
    tooltip = [{"field": field, "type": "nominal"} for field in ("run", "step", "rate")]
    tooltip.append({"field": "value", "type": "quantitative", "format": ".3f"})
    return {
        "config": CONFIG,
        "width": "container",
        "height": 260,
        "description": "Learning curves of one cell",
        "data": {"values": rows},
        "params": [
            {"name": "cell", "value": names[0], "bind": {"input": "select", "name": "curves of ", "options": names}}
        ],
        "transform": [
            {"filter": "datum.cell == cell"},
            {"flatten": ["step", *labels]},
            {"fold": labels, "as": ["rate", "value"]},
            {"filter": "isValid(datum.value)"},
        ],
        "encoding": {"x": x, "color": _color(cells, {"symbolType": "stroke", "symbolStrokeWidth": 2.5})},
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35},
                "encoding": {"y": y, "detail": {"field": "run"}},
            },
            {"mark": {"type": "point", "opacity": 0, "size": 60}, "encoding": {"y": y, "tooltip": tooltip}},
            {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"y": y | {"aggregate": "median"}}},
        ],
    }  # fmt: skip


def comparison_rows(study: StudyResults) -> Iterable[dict[str, Any]]:
    """Every comparison that has an interval: hypotheses, the ends of ladders, pairs."""
    for one in study.tested:
        if one.difference and one.difference.interval:
            yield _row(f"hypothesis: {one.hypothesis.name}", one.hypothesis.rate, one.difference, one.verdict)
    for one in compare_sizes(study.ladders):
        if one.has_interval:
            small, large = one.ends
            name = f"size: {large.model} less {small.model}, {one.ladder.title}"
            yield _row(name, one.rate, one.difference, runs_text(one.ends))
    for one in compare_pairs(study.cells):
        if one.difference.interval:
            name = f"pairs: {one.treated.model}, {one.treated.title} less {one.control.title}"
            yield _row(name, one.rate, one.difference, f"{one.num_pairs} pairs")


def comparisons_spec(rows: Sequence[dict[str, Any]]) -> Spec:
    """A forest: a row a comparison, named above its interval, so that a phone has room for both."""
    y = {"field": "place", "type": "ordinal", "axis": None}
    x = {"type": "quantitative", "title": "difference", "axis": {"orient": "top"}}
    tooltip = [{"field": field, "type": "nominal"} for field in ("comparison", "rate", "difference", "of")]
    fill = {"condition": {"test": "datum.excludes", "value": "#2B8FD0"}, "value": "transparent"}
    return {
        "config": CONFIG,
        "width": "container",
        "height": {"step": 42},
        "description": "Every comparison with its 95 % interval",
        "data": {"values": [row | {"place": place} for place, row in enumerate(rows)]},
        "encoding": {"y": y, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "color": "#888888"},
                "encoding": {"x": {"datum": 0}, "y": None, "tooltip": None},
            },
            {
                "mark": {"type": "rule", "yOffset": 13, "strokeWidth": 2, "color": "#2B8FD0"},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "yOffset": 13, "opacity": 1, "size": 60, "color": "#2B8FD0"},
                "encoding": {"x": x | {"field": "value"}, "fill": fill},
            },
            {
                "mark": {"type": "text", "align": "left", "yOffset": -14, "limit": {"expr": "width"}},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            },
        ],
    }  # fmt: skip


def _row(name: str, rate: str, difference: Any, of: str) -> dict[str, Any]:
    low, high = difference.interval
    numbers = {"value": round(difference.value, 4), "low": round(low, 4), "high": round(high, 4)}
    return numbers | {
        "label": [rate, name],
        "comparison": name,
        "rate": rate,
        "difference": difference_text(difference),
        "of": of,
        "excludes": not low <= 0 <= high,
    }


def _name(cell: Cell) -> str:
    return f"{cell.model} trained on {cell.title}"


def _rates(cells: Sequence[Cell]) -> list[str]:
    return [rate for rate in RATES if any(rate in cell.rates for cell in cells)]


def _labels(cells: Sequence[Cell]) -> list[str]:
    return [LABELS[rate] for rate in _rates(cells)]


def _color(cells: Sequence[Cell], symbol: Spec | None = None) -> Spec:
    colors = [RATE_COLORS[rate] for rate in _rates(cells)]
    scale = {"domain": _labels(cells), "range": colors}
    return {"field": "rate", "type": "nominal", "scale": scale, "legend": {"symbolOpacity": 1} | (symbol or {})}


def _values(curve: Sequence[dict[str, Any]], rate: str, cell: Cell) -> list[float]:
    return [round(row[rate], 3) for row in curve] if rate in cell.rates else []
