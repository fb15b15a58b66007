-- What a condition adds to the baseline, per regime, target and language, in the metric and on the split that stand for the target.
-- A difference is only as good as its seeds: those of both sides stand beside it. It is
-- zero-shot where the language was not `seen` in training. `gain` is the difference for the better: of error rates, of which
-- less is better, that with its sign changed. `transfer` is about the baseline `none`; `from transfer_from('mnli')` has the same
-- columns with another condition as the baseline.
create macro transfer_from(other) as table
with known as (
    from best where main = true  -- which DuckDB pushes down to the scan
),
conditions as (
    select list_sort(list(distinct condition)) as names from counts
),
asked as (
    select if(other = 'none' or list_contains(names, other), true,
              error(format('there is no condition ''{}'', only {}', other, array_to_string(names, ', '))))
    from conditions
)
select best.experiment, best.condition, best.regime, best.target, best.language, best.split, best.metric, best.mean as value,
       baseline.mean as baseline, best.mean - baseline.mean as delta,
       if(best.metric = 'error_rate', -delta, delta) as gain, best.seeds, baseline.seeds as baseline_seeds,
       best.collapsed, baseline.collapsed as baseline_collapsed, best.is_source,
       best.seen, baseline.seen as baseline_seen
from known as best
join known as baseline
    on baseline.condition = other and baseline.experiment = best.experiment and baseline.target = best.target
    and baseline.regime = best.regime and baseline.language = best.language and baseline.split = best.split
    and baseline.metric = best.metric
where best.condition <> other and (from asked);

create view transfer as
from transfer_from('none');
