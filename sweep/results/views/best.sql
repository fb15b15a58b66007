-- One row per experiment, condition, regime, target, language, split and metric, over the winner's seeds. `std` is null for a
-- single seed; `mean` is null where the release hides the labels, and where no seed has finished. `main`: the metric and split that
-- stand for the target. `seen`: the condition has trained in that language, null where no seed has finished.
create view best as
with measured as (
    select experiment, regime, target, language, split, metric, any_value(main) as main, any_value(is_source) as is_source,
           any_value(chance) as chance, any_value(n) as n
    from scores
    where winner
    group by experiment, regime, target, language, split, metric
),
found as (
    select experiment, condition, regime, target, language, split, metric, avg(value) as mean, median(value) as median,
           stddev_samp(value) as std, bool_or(seen) as seen
    from scores
    where winner
    group by experiment, condition, regime, target, language, split, metric
)
select experiment, condition, regime, target, language, split, metric, mean, median, std, seeds, planned, finished, failed, collapsed,
       main, is_source, seen, chance, n
from counts
join measured using (experiment, regime, target)
left join found using (experiment, condition, regime, target, language, split, metric);
