-- One row per condition, target, language and metric, over the seeds of the winner. `std` is null for a single seed.
create view best as
select condition, target, language, metric, avg(value) as mean, median(value) as median, stddev_samp(value) as std,
       count(*) as seeds, any_value(main) as main, avg(chance) as chance, any_value(split) as split, any_value(n) as n
from scores
where winner
group by condition, target, language, metric;
