"""The cards of the tasks: prose from `card.md.jinja`, configs, sizes and lists of files from the tasks themselves."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from .questions import QuestionBuilder, QuestionConfig


ARXIV = "https://arxiv.org/abs"


def dataset_card(builder: type[QuestionBuilder], source: str) -> str:
    """A task's card. Configs without files in `data/` are built in memory, for their sizes.

    Args:
        builder: The task's.
        source: What `load_dataset` is to be given: a folder, or a repository on the Hub.

    Raises:
        `ValueError`: if the task's `example` is none of its prompts.
    """
    folder = builder.folder()
    listed, configs, kinds = [], [], {}
    for config in builder.BUILDER_CONFIGS:
        splits = builder.build(config)
        paths = [folder / "data" / config.name / f"{split}.jsonl" for split in splits]
        is_committed = all(path.exists() for path in paths)
        kinds |= dict.fromkeys(splits["questions"]["kind"].to_pylist())
        configs.append(
            {"name": config.name, "dials": _dials(config), "is_committed": is_committed, **_sizes(**splits)}
        )
        if is_committed:
            # `load_dataset` on a folder notices a changed card but not changed data: the digest makes it notice both.
            digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]
            listed.append(
                {
                    "config_name": config.name,
                    "description": f"{config.description} (sha256 of its files: {digest})",
                    "data_files": [
                        {"split": path.stem, "path": path.relative_to(folder).as_posix()} for path in paths
                    ],
                    **({"default": True} if config.name == builder.DEFAULT_CONFIG_NAME else {}),
                }
            )
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("card.md.jinja").render(
        metadata=yaml.safe_dump(_metadata(builder) | {"configs": listed}, sort_keys=False, width=120),
        title=builder.title,
        license=builder.license,
        example=_example(builder),
        source=source,
        configs=configs,
        default=builder.DEFAULT_CONFIG_NAME,
        kinds=kinds,
    )


def task_table(tasks: Mapping[str, type[QuestionBuilder]]) -> str:
    """A table of tasks, a row each, from what they say of themselves and what their default configs hold.

    Args:
        tasks: Their builders by name; one that has several names has one row.
    """
    rows = [["task", "title", "what it reads", "prompt", "withheld", "paper"], ["---"] * 6]
    for builder in dict.fromkeys(tasks.values()):
        names = " or ".join(f"`{name}`" for name, other in tasks.items() if other is builder)
        config = builder.configured(builder.folder().name, None, {})
        sizes, example = _sizes(**builder.build(config)), _example(builder)
        rows.append(
            [
                f"[{names}]({builder.folder().name}/README.md)",
                builder.title,
                f"`{example['text']}`",
                f"`{example['prompt']}`",
                f"{sizes['withheld']:,} of {sizes['questions']:,}" if sizes["withheld"] else "nothing",
                f"[{builder.paper}]({ARXIV}/{builder.paper})" if builder.paper else "",
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _metadata(builder: type[QuestionBuilder]) -> dict[str, Any]:
    papers = [f"arxiv:{builder.paper}"] if builder.paper else []
    return {
        "pretty_name": builder.title,
        "license": builder.license.lower(),
        "language": [builder.language],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["hf-capacity", f"task:{builder.repository_name()}", *papers],
    }


def _example(builder: type[QuestionBuilder]) -> dict[str, str]:
    """The question that the task shows: its line, prompt, answer and end, as a table has them."""
    questions = builder.build(builder.configured(builder.folder().name, None, {}))["questions"]
    rows = questions.filter(pc.equal(questions["prompt"], builder.example)).to_pylist()
    if not rows:
        raise ValueError(
            f"`example` (={builder.example!r}) of {builder.__name__} is no prompt of its config "
            f"{builder.DEFAULT_CONFIG_NAME!r}, which asks {questions['prompt'][0].as_py()!r} and others: take one."
        )
    names = {" ": "space", "\n": "newline"}
    end = rows[0]["end"]
    shown = ", ".join(names[character] for character in end) if set(end) <= set(names) else f"`{end}`"
    return rows[0] | {"text": rows[0]["text"].rstrip("\n"), "end": shown}


def _dials(config: QuestionConfig) -> dict[str, str]:
    """The fields that a named config sets, as a study's YAML would have them."""
    inherited = {field.name for field in dataclasses.fields(datasets.BuilderConfig)}
    return {
        field.name: _yaml(value)
        for field in dataclasses.fields(config)
        if field.name not in inherited and (value := getattr(config, field.name)) != field.default
    }


def _yaml(value: Any) -> str:
    plain = json.loads(json.dumps(value))  # tuples become lists
    return yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=math.inf).splitlines()[0]


def _sizes(train: pa.Table, questions: pa.Table) -> dict[str, int]:
    return {
        "lines": len(train),
        "characters": pc.sum(pc.utf8_length(train["text"])).as_py(),
        "alphabet": len(set("".join(train["text"].to_pylist()))),
        "questions": len(questions),
        "withheld": pc.sum(pc.invert(questions["seen"])).as_py(),
    }
