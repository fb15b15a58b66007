"""Odd files of people who do this job, each with what is right about it.

python -m tests.cases  # reads the folder of cases beside SWEEP_TEST_DATA, and prints what became of each
"""
