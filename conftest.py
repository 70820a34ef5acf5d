"""For all tests and examples: Ctrl-C as a person would have it, even where the suite was started in the background."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """A shell has background processes ignore SIGINT, and Python then leaves it ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
