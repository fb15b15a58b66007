"""Bad input of every kind, made from good input: whatever it is, it is refused with a word, or it is right.

python -m tests.fuzz --inputs 10000 --seed 1
"""
