"""Tests of the benchmarks themselves: marks and pages."""
