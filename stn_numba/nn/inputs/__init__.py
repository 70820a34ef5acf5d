"""Checks of the images and labels that models get."""
