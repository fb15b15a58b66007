-- One row per experiment, condition and target: what became of the seeds that were asked for. A seed that failed, or has not
-- run, is told everywhere: `seeds` is "2 of 3" then, and never a bare 2. Collapsed ones have finished and are in the mean.
create view counts as
select experiment, condition, target, count(distinct seed) as planned,
       count(distinct seed) filter (fate = 'finished') as finished, count(distinct seed) filter (fate = 'failed') as failed,
       count(distinct seed) filter (fate = 'finished' and collapsed) as collapsed,
       format('{} of {}', count(distinct seed) filter (fate = 'finished'), count(distinct seed)) as seeds
from internal.seeds
group by experiment, condition, target;
