"""The section about co-localization."""

import json

from stn_numba.paper.colocalization_section import colocalization_section


def test_there_is_none_without_results(tmp_path):
    assert colocalization_section(tmp_path) == ""


def test_classes_stand_beside_the_papers(tmp_path):
    rows = [{"clutter": clutter, "class": label, "right": 90.0 + label, "loss": 1.0} for clutter in (0, 16) for label in (1, 3)]
    results = {"images": 100, "threads": 2, "encoder_error": 1.234, "parameters": 9500, "seconds": 125.0, "rows": rows}
    (tmp_path / "colocalization.json").write_text(json.dumps(results))
    text = colocalization_section(tmp_path)
    assert "| TC | 91 (82) | 93 (75) | 92.0 (85.8) |" in text
    assert "| T | 91 (100) | 93 (100) | 92.0 (100.0) |" in text
    assert "took 2 minutes on 2 threads" in text
