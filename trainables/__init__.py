"""The work: one fine-tuning run, from files to scores. Never imports `sweep`.

Ray is imported in its `workers` alone.
"""
