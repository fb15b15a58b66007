"""Tables as papers print them: numbers of `sweep compare` in rows and columns, and the words that go with them."""
