"""From the ledger to answers: SQL, the table at the end of a run, submission folders."""
