"""`python -m dataset_builders` writes the committed files of every named config and lists them in the cards."""

import hashlib
import inspect
import json
from pathlib import Path

from huggingface_hub import DatasetCard

from dataset_builders import TASKS, load_task


def write_data_files():
    """Writes `data/` and the `configs:` of the card in the folder of every task."""
    for task, builder in TASKS.items():
        folder = Path(inspect.getfile(builder)).parent
        card = DatasetCard.load(folder / "README.md")
        card.data["configs"] = []
        for config in builder.BUILDER_CONFIGS:
            digest = hashlib.sha256()
            data_files = []
            for split, rows in load_task(task, config.name).items():
                path = folder / "data" / config.name / f"{split}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode())
                digest.update(path.read_bytes())
                data_files.append({"split": split, "path": path.relative_to(folder).as_posix()})
            # `load_dataset` on a folder notices a changed card but not changed data: the digest makes it notice both.
            description = f"{config.description} (sha256 of its files: {digest.hexdigest()[:16]})"
            default = {"default": True} if config.name == builder.DEFAULT_CONFIG_NAME else {}
            card.data["configs"].append(
                {"config_name": config.name, "description": description, "data_files": data_files, **default}
            )
        card.save(folder / "README.md")


if __name__ == "__main__":
    write_data_files()
