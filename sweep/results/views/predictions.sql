-- One row per trial and predicted example; `position` is its place in its split. `gold` is a list, null where hidden.
create view predictions as
with unnested as (
    select trial_id, unnest(predictions) as prediction, generate_subscripts(predictions, 1) as position
    from internal.predicted
    where status = 'finished' or phase = 'evaluate'
)
select experiment, trial_id, condition, regime, seed, chosen, prediction.target, prediction.language, prediction.split,
       prediction.example, prediction.prediction, prediction.gold, position, phase,
       phase = 'evaluate' and winner as winner, rank
from unnested
join ledger using (trial_id)
join internal.members using (trial_id);
