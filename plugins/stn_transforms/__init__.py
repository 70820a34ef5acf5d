"""The transforms that come with stn-numba. Like those of any other distribution, they are found through entry points."""
