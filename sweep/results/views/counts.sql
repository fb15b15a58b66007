-- One row per experiment, condition and target: what became of the seeds that were asked for. A seed that failed, or has not
-- run, is told everywhere: `seeds` is "2 of 3" then, and never a bare 2. Collapsed ones have finished and are in the mean.
create view counts as
select experiment, condition, target, count(*) as planned, count(*) filter (fate = 'finished') as finished,
       count(*) filter (fate = 'failed') as failed, count(*) filter (fate = 'finished' and collapsed) as collapsed,
       format('{} of {}', count(*) filter (fate = 'finished'), count(*)) as seeds
from seeds
group by experiment, condition, target;
