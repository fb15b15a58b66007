"""What `sweep doctor` looks at: a machine, a cluster and its file, a store. What comes out are findings."""
