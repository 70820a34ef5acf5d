"""The section about volumes."""

import json

from stn_numba.paper.volumes_section import volumes_section


def test_there_is_none_without_results(tmp_path):
    assert volumes_section(tmp_path) == ""


def test_networks_have_a_row_each(tmp_path):
    rows = [
        {"network": "projection, no transformer", "parameters": 1234, "error": 20.0, "cpu_seconds": 100.0},
        {"network": "transformer, projection", "parameters": 1240, "error": 10.0, "cpu_seconds": 300.0},
    ]
    results = {"steps": 1500, "batch_size": 64, "test_digits": 10_000, "drawing_cpu_seconds": 240.0, "rows": rows}
    (tmp_path / "volumes.json").write_text(json.dumps(results))
    text = volumes_section(tmp_path)
    assert "| projection, no transformer | 1,234 | 2 | 20.00 | 0.40 |" in text
    assert "| transformer, projection | 1,240 | 5 | 10.00 | 0.30 |" in text
    assert "the same 1,500 batches of 64 new volumes" in text
