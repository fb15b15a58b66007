-- One row per experiment, study and trial that ended: finished, failed or pruned. A trial that several studies share has a
-- row in each. `role`: tried in the search, one of these on a further seed, what
-- goes on from a winner without a search (sequel), or the evaluation of a winner. `chosen`: its
-- seed is the one that the search was on, so its score was chosen for being good; null where nothing was trained. `rank`: of an
-- evaluation of a trial of a search that one's place by development score: 1 is the winner, and those from 2 on are not chosen.
create view trials as
select experiment, plan, trial_id, study, phase, condition, training_set, regime, role, winner, chosen, rank, parent, status,
       objective, curve, collapsed, learning_rate, epochs, batch_size, warmup, weight_decay, seed, started_at, finished_at, seconds,
       startup_seconds, examples_per_second, features, tokens, steps, device, worker_group, attempts, resumed, halvings,
       micro_batch_tokens, error, losses, host, workers, gpus, gpu_hours, peak_memory, run, model, weights, tasks, languages,
       data, precision, dropout, dropout_masks, train_examples, eval_examples, max_length, layer, pooling, checkpoint, head,
       token_types, lora, recipe, code, spec
from internal.members
join ledger using (trial_id);
