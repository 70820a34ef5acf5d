"""Tests of the transforms that come with the library."""
