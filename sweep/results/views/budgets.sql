-- One row per experiment and condition: what its intermediate training costs, the mean over the winner's seeds. `steps` are
-- optimizer steps, of all tasks, `tokens` without padding, `seconds` those of the trial.
create view budgets as
with by_trial as (
    select experiment, condition, trial_id, sum(examples) as examples, sum(tokens) as tokens,
           list(distinct language) as languages
    from trained
    where winner and phase = 'intermediate'
    group by experiment, condition, trial_id
)
select experiment, condition, list_sort(list_distinct(flatten(list(languages)))) as languages, avg(steps) as steps,
       avg(examples) as examples, avg(tokens) as tokens, avg(seconds) as seconds, count(*) as trials
from by_trial
join (select experiment, trial_id, steps, seconds from trials where phase = 'intermediate' and winner)
    using (experiment, trial_id)
group by experiment, condition;
