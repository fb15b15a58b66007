-- What a condition adds to the baseline, per target and language, in the target's main metric.
create view transfer as
select best.condition, best.target, best.language, best.metric, best.mean as value, baseline.mean as baseline,
       best.mean - baseline.mean as delta
from best
join best as baseline
    on baseline.condition = 'none' and baseline.target = best.target and baseline.language = best.language
    and baseline.metric = best.metric
where best.main and best.condition <> 'none';
