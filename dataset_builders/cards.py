"""The cards of the tasks: prose from `card.md.jinja`, configs, sizes and lists of files from the tasks themselves."""

import dataclasses
import hashlib
import inspect
import json
import math
from pathlib import Path
from typing import Any

import datasets
import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from dataset_builders import TASKS, QuestionConfig


TITLES = {
    "arithmetic": "Arithmetic with withheld equations",
    "capitals": "Fifty capitals",
    "facts": "Attributes of invented people",
    "mixture": "Rules and facts in one text",
    "random_strings": "Strings of random symbols",
}
# Which paper on arXiv a task is taken from.
THE_STUDY = "2506.09099"
PAPERS = {"facts": "2404.05405", "random_strings": "2505.24832"}
# No linguistic content.
LANGUAGES = {"random_strings": "zxx"}


def task_folder(task: str) -> Path:
    """Where a task's builder, card and data lie."""
    return Path(inspect.getfile(TASKS[task])).parent


def dataset_card(task: str, source: str) -> str:
    """A task's card. Configs without files in `data/` are built in memory, for their sizes.

    Args:
        task: One of `TASKS`.
        source: What `load_dataset` is to be given: a folder, or a repository on the Hub.
    """
    builder, folder = TASKS[task], task_folder(task)
    title, listed, configs, kinds = TITLES[folder.name], [], [], {}
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
    metadata = {
        "pretty_name": title,
        "license": "apache-2.0",
        "language": [LANGUAGES.get(folder.name, "en")],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": [
            "hf-capacity",
            f"task:{'both' if folder.name == 'mixture' else folder.name}",
            f"arxiv:{PAPERS.get(folder.name, THE_STUDY)}",
        ],
        "configs": listed,
    }
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(f"{folder.name}/card.md.jinja").render(
        metadata=yaml.safe_dump(metadata, sort_keys=False, width=120),
        title=title,
        source=source,
        configs=configs,
        default=builder.DEFAULT_CONFIG_NAME,
        kinds=kinds,
    )


def _dials(config: QuestionConfig) -> dict[str, str]:
    """The fields that a named config sets, as a study's YAML would have them."""
    told_elsewhere = {field.name for field in dataclasses.fields(datasets.BuilderConfig)}
    return {
        field.name: _yaml(value)
        for field in dataclasses.fields(config)
        if field.name not in told_elsewhere and (value := getattr(config, field.name)) != field.default
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
