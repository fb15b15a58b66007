"""What helped: conditions against a baseline, with intervals, verdicts, and the answer in words."""
