-- One row per trial, target, language, split and metric, on the 0-100 scale (a perplexity, which is never main: from 1 on); value
-- is null where labels are hidden. `winner`: of the evaluation of a winner. `rank`: of the evaluation of a trial of a search: that
-- one's place by development score (the winner's is 1; the others are not chosen). `is_source`: the language's development data chose
-- the winner; null for trials of training, and for plans of before, which do not say. `seen`: the model was trained in that
-- language, in whatever task. An evaluation that failed of one target has the scores of the others.
create view scores as
with unnested as (
    select trial_id, unnest(list_distinct(scores)) as score from ledger where status = 'finished' or phase = 'evaluate'
)
select experiment, trial_id, condition, regime, score.target, members.training_set, score.language, score.split, score.metric,
       score.value, score.n, seed, chosen, score.main, score.chance, phase, phase = 'evaluate' and winner as winner, rank,
       if(members.training_set is not null and source_language is null, null,
          score.language is not distinct from source_language) as is_source,
       list_contains(trained_in, score.language) as seen
from unnested
join ledger using (trial_id)
join internal.members using (trial_id);
