"""A plan on its way through Ray Tune, and what of it can be seen while it goes on and afterwards."""
