-- One row per trial that ended: finished, failed or pruned. `winner`: the evaluation that speaks for its study and seed; a study whose search went on
-- may have a later winner than the one that was scored first, so the last one counts.
create view trials as
select trial_id, experiment, study, phase, condition, training_set, parent, status, objective, curve, collapsed,
       learning_rate, epochs, batch_size, warmup, weight_decay, seed, started_at, finished_at, seconds, startup_seconds,
       examples_per_second, features, tokens, device, worker_group, attempts, resumed, halvings, error, spec,
       phase = 'evaluate' and status = 'finished'
       and finished_at = max(finished_at) filter (status = 'finished') over (partition by study, seed) as winner
from ledger;
