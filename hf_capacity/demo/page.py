"""The page: a prompt, what every rung answers, a slider over the kept checkpoints, and the trade-off."""

import os
from collections.abc import Sequence
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from ..report.sections.last_checkpoint import cell_table
from .guard import Guard
from .rendering import answers_html, style, tradeoff_html
from .study import Study, example_prompts, find_questions


# Gradio brings these files along. (Its own choice for bold type, weight 600, has not all letters.)
TEXT_FONT = (gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "sans-serif")
CODE_FONT = (gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "monospace")


def launch(page: gr.Blocks, host: str | None, port: int | None) -> str:
    """Opens the page in the background and gives its address.

    Args:
        page: As `build_page` makes it.
        host: The one address that it answers; None for everybody, where GRADIO_SERVER_NAME says.
        port: By default the first free one from 7860 on.

    Raises:
        OSError: No port is free.
    """
    # Gradio asks its page once whether it is up; the environment's proxy, if there is one, does not know.
    without_proxy = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    os.environ["no_proxy"] = f"{without_proxy},{host or 'localhost,127.0.0.1,0.0.0.0'}"
    # All that could leave this machine is off, whatever the environment says.
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        mcp_server=False,
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        quiet=True,
        prevent_thread_lock=True,
        theme=gr.themes.Base(primary_hue="blue", neutral_hue="stone", font=TEXT_FONT, font_mono=CODE_FONT),
        css=style(),
        app_kwargs={"middleware": [Middleware(Guard, is_public=host is None)]},
    )
    return address


def build_page(study: Study) -> gr.Blocks:
    """The page, not yet served."""
    first = next(iter(study.ladders))
    seeds, slider = study.seeds(first), _slider(study.kept_steps[first])
    examples = _examples(study, first, seeds[0])
    first_prompt = next(iter(examples), "")

    def ask(prompt: str, trained_on: str, seeds: str, checkpoint: int) -> str:
        return answers_html(study, prompt, trained_on, seeds, checkpoint)

    def move(prompt: str, trained_on: str, seeds: str, checkpoint: int) -> tuple[str, str]:
        return ask(prompt, trained_on, seeds, checkpoint), tradeoff_html(*study.ladder_at(trained_on, checkpoint))

    def choose_run(prompt: str, trained_on: str, seeds: str, checkpoint: int) -> tuple:
        return gr.Dataset(**_samples(_examples(study, trained_on, seeds))), ask(prompt, trained_on, seeds, checkpoint)

    def choose_training(prompt: str, trained_on: str) -> tuple:
        seeds, slider = study.seeds(trained_on), _slider(study.kept_steps[trained_on])
        examples = _examples(study, trained_on, seeds[0])
        if not (examples and find_questions(study.runs(trained_on, seeds[0])[0], prompt)):
            prompt = next(iter(examples), "")
        dropdown = gr.Dropdown(seeds, value=seeds[0], visible=len(seeds) > 1)
        place = slider["value"]
        answers = ask(prompt, trained_on, seeds[0], place)
        shown = gr.Dataset(**_samples(examples)), gr.Slider(**slider), answers
        figure, table = tradeoff_html(*study.ladder_at(trained_on, place)), table_at_the_end(study, trained_on)
        return prompt, dropdown, *shown, figure, table

    with gr.Blocks(title=f"{study.name} - hf_capacity", analytics_enabled=False) as page:
        gr.Markdown(f"# {study.name}\n\n{study.description}", elem_classes="heading")
        with gr.Row():
            prompt = gr.Textbox(
                first_prompt,
                label="Prompt",
                info="The beginning of a line; every model goes on from it.",
                max_lines=1,
                submit_btn="Ask",
                min_width=320,
                elem_classes="prompt",
            )
            training = gr.Radio(list(study.ladders), value=first, label="Trained on", min_width=320)
            run = gr.Dropdown(seeds, value=seeds[0], label="Run", visible=len(seeds) > 1, min_width=320)
        clicked = gr.Dataset(components=[prompt], label="Examples", **_samples(examples))
        checkpoint = gr.Slider(1, step=1, label="Checkpoint", buttons=[], elem_classes="checkpoint", **slider)
        answers = gr.HTML(ask(first_prompt, first, seeds[0], slider["value"]))
        gr.Markdown("## What each size memorised and generalised", elem_classes="second")
        figure = gr.HTML(tradeoff_html(*study.ladder_at(first, slider["value"])))
        table = gr.Markdown(table_at_the_end(study, first), elem_classes="wide")

        question = [prompt, training, run, checkpoint]
        asked = {"fn": ask, "inputs": question, "outputs": answers}
        prompt.submit(**asked, api_name="ask")
        clicked.click(lambda sample: sample[0], clicked, prompt, api_name=False).then(**asked, api_name=False)
        # Of many moves only the last one counts.
        moved = {"fn": move, "inputs": question, "outputs": [answers, figure], "api_name": False}
        checkpoint.input(**moved, trigger_mode="always_last", show_progress="hidden")
        run.input(choose_run, question, [clicked, answers], api_name=False)
        changed = [prompt, run, clicked, checkpoint, answers, figure, table]
        training.input(choose_training, [prompt, training], changed, api_name="choose_training")
    return page


def table_at_the_end(study: Study, trained_on: str) -> str:
    """The cells of a ladder at the last checkpoint, wherever the slider stands, as Markdown."""
    return f"At the last checkpoint:\n\n{cell_table(study.ladders[trained_on].cells)}"


def _examples(study: Study, trained_on: str, seeds: str) -> dict[str, str]:
    try:
        return example_prompts(study.runs(trained_on, seeds)[0])
    except ValueError:  # each model's answer will say what is the matter
        return {}


def _samples(examples: dict[str, str]) -> dict[str, Any]:
    labels = [f"{sort}: {prompt}" for prompt, sort in examples.items()]
    return {"samples": [[prompt] for prompt in examples], "sample_labels": labels, "visible": bool(examples)}


def _slider(steps: Sequence[int]) -> dict[str, Any]:
    info = f"kept after {', '.join(f'{step:,}' for step in steps)} steps, and the end of training"
    end = len(steps) + 1
    # Gradio wants two places also of a slider that is not shown.
    return {"maximum": max(end, 2), "value": end, "info": info, "visible": bool(steps)}
