"""The benchmarks, and the official scores of anybody's submission folder."""
