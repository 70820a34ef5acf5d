"""Tests of the plugins, as an application uses them."""
