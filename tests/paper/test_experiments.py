"""The list of experiments."""

import pytest

from stn_numba.paper import EXPERIMENTS, find_experiments


def test_every_experiment_of_the_tables_is_listed_once():
    columns = [experiment.column for experiment in EXPERIMENTS]
    assert [columns.count(name) for name in ("R", "RTS", "P", "E", "TC", "addition")] == [8, 8, 8, 8, 4, 8]
    assert len({experiment.name for experiment in EXPERIMENTS}) == len(EXPERIMENTS)


def test_experiments_are_found_by_name_and_pattern():
    assert [experiment.paper_error for experiment in find_experiments("ST-CNN/tps/e")] == [1.1]
    assert len(find_experiments("st-*/R")) == 6
    with pytest.raises(ValueError, match="none fits 'resnet/R'"):
        find_experiments("resnet/R")
