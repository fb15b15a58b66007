-- One row per trial, target, language, split and metric, on the 0-100 scale; value is null where labels are hidden.
create view scores as
with unnested as (select trial_id, unnest(scores) as score from ledger where status = 'finished')
select trial_id, condition, score.target, score.training_set, score.language, score.split, score.metric, score.value,
       score.n, seed, score.main, score.chance, phase, winner
from unnested
join trials using (trial_id);
