"""The metric's Space: a table of questions in, the rates out. (evaluate's own widget needs a Gradio older than 4.)"""

from pathlib import Path

import evaluate
import gradio as gr


COLUMNS = ["prompt", "prediction", "reference", "kind", "ability", "seen"]
EXAMPLE = [
    ["5+3=", "8", "8", "addition", "rule", "yes"],
    ["5+7=", "11", "12", "addition", "rule", "no"],
    ["Capital of France is ", "Paris", "Paris", "capital", "fact", "yes"],
    ["Capital of Norway is ", "Rome", "Oslo", "capital", "fact", "yes"],
]
SEEN = {"yes": True, "no": False, "unknown": None}

# By its file: on the Space the folder is called `app`, and evaluate looks in a folder for a script of the same name.
metric = evaluate.load(str(Path(__file__).with_name("capacity_tradeoff.py")))


def score_table(rows: list[list[str]]) -> dict:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    try:
        return metric.compute(
            predictions=columns["prediction"],
            references=columns["reference"],
            kind=columns["kind"],
            ability=columns["ability"],
            seen=[SEEN.get(flag, flag) for flag in columns["seen"]],
            prompts=columns["prompt"],
        )
    except ValueError as error:
        raise gr.Error(str(error)) from error


page = gr.Interface(
    score_table,
    inputs=gr.Dataframe(EXAMPLE, headers=COLUMNS, datatype="str", type="array", label="One question a row"),
    outputs=gr.JSON(label="Rates of this one model"),
    title="Capacity trade-off",
    description=metric.description + "\n`ability` is rule or fact; `seen` is yes, no or (for all rows) unknown.",
    article="This Space's README explains how to read the result.",
)

if __name__ == "__main__":
    page.launch()
