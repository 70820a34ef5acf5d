"""Fit the parameters of any transform to pairs of points, see `Transform.fit_points`."""
