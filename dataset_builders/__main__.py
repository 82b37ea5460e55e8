"""`python -m dataset_builders` writes the committed files of the named configs, the cards and the table of tasks."""

import json
import re
from pathlib import Path

from dataset_builders import TASKS, QuestionBuilder
from dataset_builders.building.cards import dataset_card, task_table


# A config whose two files would be larger is built in memory alone.
MOST_COMMITTED_BYTES = 300_000
README = Path(__file__).parent / "README.md"
TABLE = re.compile(r"(?<=<!-- tasks -->\n\n).*?(?=\n<!-- end of tasks -->)", re.DOTALL)


def write_data_files(builder: type[QuestionBuilder]) -> None:
    """Writes `data/` and the card in the folder of a task."""
    folder = builder.folder()
    for config in builder.BUILDER_CONFIGS:
        contents = {
            f"{split}.jsonl": "".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode()
            for split, rows in builder.build(config).items()
        }
        if sum(map(len, contents.values())) <= MOST_COMMITTED_BYTES:
            (folder / "data" / config.name).mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                (folder / "data" / config.name / name).write_bytes(content)
    card = dataset_card(builder, f"dataset_builders/{folder.name}")
    (folder / "README.md").write_text(card, encoding="utf-8")


def write_task_table() -> None:
    """Writes the table of all tasks into the README of this folder."""
    table = task_table(TASKS)
    README.write_text(TABLE.sub(lambda _: table, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for builder in dict.fromkeys(TASKS.values()):
        write_data_files(builder)
    write_task_table()
