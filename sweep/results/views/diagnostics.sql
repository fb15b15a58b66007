-- One row per experiment, condition, regime, target, language, attribute and bucket of it: how the winners do on the examples
-- that are in the bucket, in the metric and on the split that stand for the target. `language` is null in rows about all
-- languages that have the bucket; `lower` and `upper` are the least and greatest number in it, null of values. Computed from
-- the predictions, of those targets alone that a statement asks for.
create view diagnostics as
with asked as (
    select experiment, regime, target, unnest(diagnosed(experiment, regime, target)) as found
    from (select distinct experiment, regime, target from counts)
)
select experiment, found.condition, regime, target, found.language, found.split, found.metric, found.attribute, found.bucket,
       found.lower, found.upper, found.score, found.low, found.high, found.n, found.groups, found.languages, found.seeds,
       found.baseline, found.baseline_score, found.difference, found.difference_low, found.difference_high, found.p,
       found.p_adjusted, found.claim, found.note
from asked;
