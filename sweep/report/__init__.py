"""The report: from a store to one file that says what helped, where, by how much, and how sure that is."""
