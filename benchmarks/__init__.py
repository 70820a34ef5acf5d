"""What a call costs, beside the libraries that users have now: `python -m benchmarks`."""
