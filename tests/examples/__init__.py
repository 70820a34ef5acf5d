"""Tests of the scripts in examples/, in a small form."""
