"""Record what a transform's NumPy code computes: call it with arrays of symbols, each of which stands for a whole tensor."""
