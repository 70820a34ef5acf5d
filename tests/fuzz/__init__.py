"""Random and damaged arguments and files: no crash, no wrong result, and every refusal is a documented exception."""
