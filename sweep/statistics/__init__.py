"""How sure a difference is: numbers in, numbers out. Examples and seeds are random, conditions are not."""
