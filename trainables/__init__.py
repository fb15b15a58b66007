"""The work: one fine-tuning run, from files to scores. Never imports `sweep`; only `group` and `trainable` import Ray."""
