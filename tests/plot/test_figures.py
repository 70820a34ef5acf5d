"""Writing figures to files."""

import numpy as np
import pytest

from stn_numba.plot.figures import draw_image, new_axes, write_figure

pytest.importorskip("matplotlib")


def test_figures_are_written_completely_or_not_at_all(tmp_path, monkeypatch):
    axes, path = new_axes(1, 1, (1.0, 1.0))[0, 0], tmp_path / "new" / "figure.png"
    write_figure(axes, path)
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        write_figure(axes, path, dpi=300)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_file_ending_decides_the_format(tmp_path):
    axes = new_axes(1, 1, (1.0, 1.0))[0, 0]
    write_figure(axes, tmp_path / "figure.svg")
    assert b"<svg" in (tmp_path / "figure.svg").read_bytes()
    with pytest.raises(ValueError, match="xyz"):
        write_figure(axes, tmp_path / "figure.xyz")


@pytest.mark.parametrize(("limits", "gray"), [((0.0, 1.0), 0.0), ((-1.0, 1.0), 0.5)])
def test_the_margin_has_the_gray_of_zero(limits, gray):
    axes = new_axes(1, 1, (1.0, 1.0))[0, 0]
    draw_image(axes, np.zeros((4, 4, 1)), limits, margin=2.0)
    assert axes.get_facecolor() == (gray, gray, gray, 1.0)
