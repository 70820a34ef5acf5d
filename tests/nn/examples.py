"""Small networks that several tests use."""

from stn_numba.nn import Chain, Classifier, Dense, Flatten, ReLU


def network(*layers):
    """A classifier of images (6, 6, 1) into three classes."""
    return Classifier(Chain(*layers), (6, 6, 1), 3)


def localisation():
    return Chain(Flatten(), Dense(4), ReLU())
