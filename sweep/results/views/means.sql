-- One row per experiment, condition, regime and target: its main score, averaged over languages, then over the winner's
-- seeds. `mean_without_source` leaves out the language whose development data chose the winner, `mean_unseen` all languages that
-- any of the experiment's conditions has trained in: zero-shot for all of them, so that they can be compared.
create view means as
with known as (
    select experiment, regime, target, language, bool_or(seen) as seen_by_any
    from scores
    where winner and main
    group by experiment, regime, target, language
),
by_seed as (
    select experiment, condition, regime, target, seed, avg(value) as value, avg(value) filter (not is_source) as without_source,
           avg(value) filter (not seen_by_any) as unseen
    from scores
    join known using (experiment, regime, target, language)
    where winner and main
    group by experiment, condition, regime, target, seed
),
by_condition as (
    select experiment, condition, regime, target, avg(value) as mean, median(value) as median, stddev_samp(value) as std,
           avg(without_source) as mean_without_source, avg(unseen) as mean_unseen
    from by_seed
    group by experiment, condition, regime, target
),
measured as (
    select experiment, regime, target, any_value(split) as split, any_value(metric) as metric,
           count(distinct language) filter (value is not null) as languages,
           count(distinct language) filter (value is not null and not is_source) as languages_without_source,
           count(distinct language) filter (value is not null and not seen_by_any) as languages_unseen,
           count(distinct language) filter (value is null) as hidden,
           any_value(language) filter (is_source) as source_language
    from scores
    join known using (experiment, regime, target, language)
    where winner and main
    group by experiment, regime, target
),
by_chance as (
    select experiment, regime, target, avg(chance) as chance, avg(chance) filter (not is_source) as chance_without_source,
           avg(chance) filter (not seen_by_any) as chance_unseen
    from (select distinct experiment, regime, target, language, is_source, chance from scores where winner and main)
    join known using (experiment, regime, target, language)
    group by experiment, regime, target
)
select experiment, condition, regime, target, split, metric, languages, mean, median, std, source_language,
       languages_without_source, mean_without_source, languages_unseen, mean_unseen, seeds, planned, finished, failed,
       collapsed, hidden, chance, chance_without_source, chance_unseen
from counts
left join measured using (experiment, regime, target)
left join by_chance using (experiment, regime, target)
left join by_condition using (experiment, condition, regime, target);
