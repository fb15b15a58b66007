"""Encoders: where their weights come from, the network around them, and files of weights."""
