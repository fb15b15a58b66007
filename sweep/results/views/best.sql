-- One row per experiment, condition, regime, target, language, split and metric, over the winner's seeds. `std` is null for a
-- single seed; `mean` is null where the release hides the labels, and where no seed has finished. `main`: the metric and split that
-- stand for the target. `seen`: the condition has trained in that language, null where no seed has finished.
create view best as
with found as (
    select experiment, condition, regime, target, language, split, metric, main, avg(value) as mean, median(value) as median,
           stddev_samp(value) as std, bool_or(seen) as seen, any_value(is_source) as is_source, any_value(chance) as chance,
           any_value(n) as n
    from scores
    where winner
    group by experiment, condition, regime, target, language, split, metric, main
),
measured as (
    select experiment, regime, target, language, split, metric, main, any_value(is_source) as is_source,
           any_value(chance) as chance, any_value(n) as n
    from found
    group by experiment, regime, target, language, split, metric, main
)
select experiment, condition, regime, target, language, split, metric, mean, median, std, seeds, planned, finished, failed, collapsed,
       main, measured.is_source, seen, measured.chance, measured.n
from counts
join measured using (experiment, regime, target)
left join found using (experiment, condition, regime, target, language, split, metric, main);
