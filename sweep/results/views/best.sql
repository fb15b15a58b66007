-- One row per condition, target, language, split and metric, over the seeds of the winner. `std` is null for a single
-- seed; `mean` is null where the release hides the labels. `main`: the metric and split that stand for the target.
create view best as
select condition, target, language, split, metric, avg(value) as mean, median(value) as median,
       stddev_samp(value) as std, count(*) as seeds, any_value(main) as main, avg(chance) as chance, any_value(n) as n
from scores
where winner
group by condition, target, language, split, metric;
