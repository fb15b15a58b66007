-- One row per trial, target, language, split and metric, on the 0-100 scale; value is null where labels are hidden.
-- A study whose search went on may have a later winner: its last evaluation counts.
create view scores as
with unnested as (
    select trial_id, condition, phase, study, seed, finished_at, unnest(scores) as score
    from ledger
    where status = 'finished'
)
select trial_id, condition, score.target, score.training_set, score.language, score.split, score.metric, score.value,
       score.n, seed, score.main, score.chance, phase,
       phase = 'evaluate' and finished_at = max(finished_at) over (partition by study, seed, phase) as winner
from unnested;
