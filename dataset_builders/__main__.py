"""`python -m dataset_builders` writes the committed files of every named config, and the cards."""

import json

from dataset_builders import TASKS, load_task
from dataset_builders.cards import dataset_card, task_folder


def write_data_files():
    """Writes `data/` and the card in the folder of every task."""
    for task, builder in TASKS.items():
        folder = task_folder(task)
        for config in builder.BUILDER_CONFIGS:
            for split, rows in load_task(task, config.name).items():
                path = folder / "data" / config.name / f"{split}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode())
        (folder / "README.md").write_text(dataset_card(task, f"dataset_builders/{folder.name}"))


if __name__ == "__main__":
    write_data_files()
