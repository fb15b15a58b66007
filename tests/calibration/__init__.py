"""Whether intervals hold what they promise: they are made of data whose truth is known, again and again.

`python -m tests.calibration` prints the coverages, with more repetitions than the tests have time for.
"""
