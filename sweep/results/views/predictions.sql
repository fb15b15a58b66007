-- One row per trial and predicted example; `position` is its place in its split, from 0 on. `gold` is a list, null where hidden;
-- `confidence` is the probability of the prediction, null where the kind of task has none; `statistics` is what the metric sums.
create view predictions as
select experiment, trial_id, condition, regime, seed, chosen, target, language, split, example, prediction, gold, position, phase,
       phase = 'evaluate' and winner as winner, rank, confidence, statistics, item, "group", texts, examples
from internal.predicted
join internal.speaking using (trial_id)
left join internal.examples using (examples, position);
