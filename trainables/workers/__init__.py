"""Trials in Ray: the worker group that stays warm, its messages, and the Tune trial in front of it."""
