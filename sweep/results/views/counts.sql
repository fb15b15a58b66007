-- One row per experiment, condition, regime and target: what became of the seeds that were asked for. A seed that failed, or
-- has not run, is told everywhere: `seeds` is "2 of 3" then, and never a bare 2. Collapsed ones have finished and are in the
-- mean. Where each language has a training of its own, a seed has finished when all of them have.
create view counts as
with by_seed as (
    select experiment, condition, regime, target, seed, bool_and(fate = 'finished') as finished,
           bool_or(fate = 'failed') as failed, bool_or(collapsed) as collapsed
    from internal.seeds
    group by experiment, condition, regime, target, seed
)
select experiment, condition, regime, target, count(*) as planned, count(*) filter (finished) as finished,
       count(*) filter (failed) as failed, count(*) filter (finished and collapsed) as collapsed,
       format('{} of {}', count(*) filter (finished), count(*)) as seeds
from by_seed
group by experiment, condition, regime, target;
