"""The networks of the experiments."""

import pytest

from stn_numba.paper import find_experiments
from stn_numba.paper.networks import BUDGETS, make_network


def test_a_budget_too_small_for_any_network_is_refused():
    with pytest.raises(ValueError, match="budget: expected at least .*, which fcn/R takes, got 10"):
        make_network(find_experiments("fcn/R")[0], seed=0, budget=10)


@pytest.mark.parametrize("column", BUDGETS)
def test_networks_of_a_column_have_nearly_the_same_size(column):
    sizes = [make_network(experiment, 0).n_params for experiment in find_experiments(f"*/{column}")]
    assert max(sizes) <= BUDGETS[column] <= 400_000
    assert min(sizes) > 0.9 * BUDGETS[column]
