"""A run of the benchmarks fails, and says why, when a mark is missed."""

import numpy as np
import pytest

from benchmarks import __main__ as program
from benchmarks import timing
from benchmarks.case import Call, Case
from benchmarks.marks import Mark, check


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the program on one case with a rival; return the exit code and what it prints on standard error."""

    def run(at_least, rival_answer=1.0, only=""):
        monkeypatch.setattr(timing, "alternate", lambda calls, seconds: [1.0, 2.0])
        ours = Call("stn-numba", lambda: 1.0, lambda answer: [np.array([answer])])
        rival = Call("rival, variant", lambda: rival_answer, lambda answer: [np.array([answer])], tolerance=0.1)
        case = Case("a case", lambda: None, lambda problem: ours, lambda problem: [rival], at_least=at_least)
        monkeypatch.setattr(program, "CASES", {"a page": {"a section": [case]}})
        monkeypatch.setattr(program.machine, "limit_threads", lambda number: None)
        code = program.main(["--check", "--only", only, "--out", str(tmp_path)])
        assert not list(tmp_path.iterdir())
        return code, capsys.readouterr().err

    return run


def test_a_mark_that_is_met_is_no_failure(run):
    assert run({"rival": 2.0}) == (0, "")


def test_a_missed_mark_is_named_and_exits_with_1(run):
    code, err = run({"rival": 2.5})
    assert code == 1
    assert "1 of 2 marks are missed" in err
    assert "a section: a case: rival's time / ours: 2, required >= 2.5" in err


def test_another_answer_is_a_missed_mark(run):
    code, err = run({}, rival_answer=1.2)
    assert code == 1
    assert "a section: a case: difference of rival, variant: 0.2, required <= 0.1" in err


def test_a_library_that_is_not_installed_misses_its_mark(run):
    code, err = run({"another": 1.0})
    assert code == 1
    assert "a section: a case: another's time / ours: not measured, required >= 1" in err


def test_a_pattern_that_selects_no_case_is_an_error(run):
    code, err = run({}, only="another case")
    assert code == 2
    assert "no case contains 'another case'" in err


@pytest.mark.parametrize(
    ("figure", "relation", "met"), [(4.0, "<", False), (4.0, "<=", True), (4.0, ">=", True), (3.9, ">=", False)]
)
def test_limits(figure, relation, met):
    assert Mark("a figure", figure, relation, 4.0).met is met
    assert check([Mark("a figure", figure, relation, 4.0)]) == (not met)


def test_limits_of_all_cases_are_numbers():
    for sections in program.CASES.values():
        for case in (case for cases in sections.values() for case in cases if isinstance(case, Case)):
            assert all(isinstance(limit, int | float) for limits in (case.at_least, case.at_most) for limit in limits.values())
