"""From sums over pixels to a minimum, level by level."""
