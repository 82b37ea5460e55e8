"""The cards of the tasks: prose from `card.md.jinja`, sizes and lists of files from the data themselves."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import jinja2
import yaml

from dataset_builders import TASKS


TITLES = {
    "arithmetic": "One-digit arithmetic with withheld pairs",
    "capitals": "Fifty capitals",
    "mixture": "One-digit arithmetic and fifty capitals",
}


def task_folder(task: str) -> Path:
    """Where a task's builder, card and data lie."""
    return Path(inspect.getfile(TASKS[task])).parent


def dataset_card(task: str, source: str) -> str:
    """A task's card, from its committed data.

    Args:
        task: One of `TASKS`.
        source: What `load_dataset` is to be given: a folder, or a repository on the Hub.
    """
    builder, folder = TASKS[task], task_folder(task)
    title = TITLES[folder.name]
    configs, sizes, kinds = [], [], {}
    for config in builder.BUILDER_CONFIGS:
        digest, rows = hashlib.sha256(), {}
        for split in ("train", "questions"):
            content = (folder / "data" / config.name / f"{split}.jsonl").read_bytes()
            digest.update(content)
            rows[split] = [json.loads(line) for line in content.splitlines()]
        kinds |= dict.fromkeys(row["kind"] for row in rows["questions"])
        sizes.append({"config": config.name, **_sizes(**rows)})
        # `load_dataset` on a folder notices a changed card but not changed data: the digest makes it notice both.
        description = f"{config.description} (sha256 of its files: {digest.hexdigest()[:16]})"
        data_files = [{"split": split, "path": f"data/{config.name}/{split}.jsonl"} for split in rows]
        default = {"default": True} if config.name == builder.DEFAULT_CONFIG_NAME else {}
        configs.append({"config_name": config.name, "description": description, "data_files": data_files, **default})
    metadata = {
        "pretty_name": title,
        "license": "apache-2.0",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["hf-capacity", f"task:{'both' if folder.name == 'mixture' else folder.name}", "arxiv:2506.09099"],
        "configs": configs,
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
        sizes=sizes,
        kinds=kinds,
    )


def _sizes(train: list[dict[str, Any]], questions: list[dict[str, Any]]) -> dict[str, int]:
    text = "".join(row["text"] for row in train)
    return {
        "lines": len(train),
        "characters": len(text),
        "alphabet": len(set(text)),
        "questions": len(questions),
        "withheld": sum(not row["seen"] for row in questions),
    }
