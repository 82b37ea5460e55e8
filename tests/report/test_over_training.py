"""The figure of learning curves of made studies, by where its texts come to stand."""

import itertools

from support.made_records import ARITHMETIC, add_run

from hf_capacity.report.sections import over_training
from hf_capacity.report.study import read_results


def test_titles_of_panels_leave_one_another_room(tmp_path, monkeypatch):
    for width in (14, 16, 20, 24, 28):
        for weight_decay in (0.05, 0.1):
            shape = {"n_layer": 1, "n_head": 1, "n_embd": width}
            add_run(tmp_path / "s", "arithmetic", shape, ARITHMETIC, weight_decay=weight_decay)
    monkeypatch.setattr(over_training, "png", lambda figure: figure)
    results = read_results(tmp_path / "s")
    figure = over_training.draw_learning_curves(results.ladders, results.curves)
    figure.draw_without_rendering()
    titles = [axis.title.get_window_extent() for axis in figure.axes if axis.get_visible()]
    assert len(titles) == 10
    assert not any(one.overlaps(other) for one, other in itertools.combinations(titles, 2))
