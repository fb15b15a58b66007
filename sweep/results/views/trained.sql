-- One row per experiment, study, trial, task and language that was trained on, over all epochs: optimizer steps in which it
-- took part, examples as often as they were seen, tokens without padding. Trials of before do not say.
create view trained as
select experiment, trial_id, study, phase, condition, training_set, winner, seed, part.task, part.language, part.steps,
       part.examples, part.tokens
from (select trial_id, unnest(trained) as part from ledger)
join trials using (trial_id);
