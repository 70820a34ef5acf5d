import sys

import pytest

from stn_numba.registration.progress import report_progress


def test_a_function_is_told_how_many_are_done():
    calls = []
    with report_progress(lambda done, count: calls.append((done, count)), 20) as done:
        done(16)
        done(4)
    assert calls == [(16, 20), (20, 20)]


def test_a_terminal_shows_a_bar(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with report_progress(True, 20) as done:
        done(20)
    assert "20/20" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["tqdm", "terminal", "wish"])
def test_nothing_is_shown_elsewhere(missing, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: missing != "terminal", raising=False)
    if missing == "tqdm":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with report_progress(missing != "wish", 20) as done:
        done(20)
    assert capsys.readouterr().err == ""


def test_a_bar_is_closed_after_an_error(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(KeyError), report_progress(True, 20) as done:  # noqa: PT012
        done(3)
        raise KeyError
    assert capsys.readouterr().err.endswith("\n")


@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_other_values_are_refused(wrong):
    with pytest.raises(TypeError, match="progress: expected True, False or a function"), report_progress(wrong, 20):
        pass
