-- One row per trial, target, language, split and metric, on the 0-100 scale (a perplexity, which is never main: from 1 on); value
-- is null where labels are hidden. `winner`: of the evaluation of a winner. `rank`: of the evaluation of a trial of a search: that
-- one's place by development score (the winner's is 1; the others are not chosen). `is_source`: the language's development data chose
-- the winner; null for trials of training, and for plans of before, which do not say. `seen`: the model was trained in that
-- language, in whatever task. An evaluation that failed of one target has the scores of the others.
create view scores as
select experiment, trial_id, condition, regime, target, speaking.training_set, language, split, metric, value, n, seed, chosen,
       main, chance, phase, phase = 'evaluate' and winner as winner, rank,
       if(speaking.training_set is not null and source_language is null, null,
          language is not distinct from source_language) as is_source,
       list_contains(trained_in, language) as seen
from internal.scored
join internal.speaking using (trial_id);
