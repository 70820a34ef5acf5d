"""Checks of the images and labels that models are given."""
