-- One row per finished trial.
create view trials as
select trial_id, experiment, study, phase, condition, training_set, parent, status, objective, learning_rate, epochs,
       batch_size, warmup, weight_decay, seed, started_at, finished_at, seconds, startup_seconds, examples_per_second,
       worker_group, error, spec
from ledger;
