"""The ids of all published runs stay: every key that came later is left out of their configs."""

import json
from pathlib import Path

from hf_capacity.config.experiment import ExperimentConfig


def test_every_published_run_has_the_id_that_it_was_published_under():
    paths = sorted((Path(__file__).parents[2] / "model_cards").glob("*/runs.jsonl"))
    records = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(records) >= 663
    for record in records:
        run = ExperimentConfig.from_dict(record["config"])
        assert run.run_id == record["run_id"]
        assert run.to_dict() == record["config"]
        assert run.asked_after is None
        assert run.start == ("\n" if record["config"].get("batches") == "lines" else "")
