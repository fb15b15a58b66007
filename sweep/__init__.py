"""The experiment: what to run, in which order, and what came out."""
