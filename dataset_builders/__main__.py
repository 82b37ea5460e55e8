"""`python -m dataset_builders` writes the committed files of the named configs, and the cards."""

import json

from dataset_builders import TASKS
from dataset_builders.cards import dataset_card, task_folder


# A config whose two files would be larger is built in memory alone.
MOST_COMMITTED_BYTES = 300_000


def write_data_files(task: str) -> None:
    """Writes `data/` and the card in the folder of a task."""
    builder, folder = TASKS[task], task_folder(task)
    for config in builder.BUILDER_CONFIGS:
        contents = {
            f"{split}.jsonl": "".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode()
            for split, rows in builder.build(config).items()
        }
        if sum(map(len, contents.values())) <= MOST_COMMITTED_BYTES:
            (folder / "data" / config.name).mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                (folder / "data" / config.name / name).write_bytes(content)
    (folder / "README.md").write_text(dataset_card(task, f"dataset_builders/{folder.name}"), encoding="utf-8")


if __name__ == "__main__":
    for task in TASKS:
        write_data_files(task)
