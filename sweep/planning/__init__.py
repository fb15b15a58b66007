"""What an experiment comes to: a graph of studies, what waits for what, and what it costs. Neither torch nor Ray."""
