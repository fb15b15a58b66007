-- One row per experiment, condition, regime, benchmark and group of its tasks (`overall`: all), as the benchmark aggregates: the
-- mean over languages, then over a task's scores, then over tasks, and that over the winner's seeds. Where a task is missing, or a
-- language of it, the score is null, never the mean of the others: `tasks` are there of `of_tasks`, `missing` names the rest. A seed
-- counts where all tasks have it; a task that has one seed alone, as nothing was trained for it, counts for all. `capped`: limits
-- left only the first examples of each language, so that these are no official scores.
create view leaderboard as
with asked as (
    select benchmark, task, count(*) as parts from internal.official where task_group = 'overall' group by benchmark, task
),
groups as (
    select distinct benchmark, task_group, task from internal.official
),
splits as (
    select experiment, regime, target, any_value(split) as split
    from scores
    where winner and main = true  -- which DuckDB pushes down to the scan
    group by experiment, regime, target
),
by_task as (
    select experiment, condition, regime, benchmark, target as task, seed, avg(value) as value,
           count(value) = any_value(parts) as complete
    from scores
    join splits using (experiment, regime, target, split)
    join (select benchmark, task as target, language, metric from internal.official where task_group = 'overall')
        using (target, language, metric)
    join (select benchmark, task as target, parts from asked) using (benchmark, target)
    where winner
    group by experiment, condition, regime, benchmark, target, seed
),
seeds as (
    select experiment, condition, regime, target as task, seed, bool_or(fate = 'failed') as failed,
           bool_or(collapsed) as collapsed, count(*) over (partition by experiment, condition, regime, target) as planned
    from internal.seeds
    group by experiment, condition, regime, target, seed
),
of_groups as (
    select distinct experiment, condition, regime, benchmark, task_group, seed
    from seeds
    join groups using (task)
),
cells as (
    select one.experiment, one.condition, one.regime, one.benchmark, one.task_group, one.seed, groups.task,
           if(by_task.complete, by_task.value, null) as value, coalesce(seeds.failed, false) as failed,
           coalesce(seeds.collapsed, false) as collapsed
    from of_groups as one
    join groups using (benchmark, task_group)
    left join seeds
        on seeds.experiment = one.experiment and seeds.condition = one.condition and seeds.regime = one.regime
        and seeds.task = groups.task and (seeds.seed = one.seed or seeds.planned = 1)
    left join by_task
        on by_task.experiment = one.experiment and by_task.condition = one.condition and by_task.regime = one.regime
        and by_task.benchmark = one.benchmark and by_task.task = groups.task and by_task.seed = seeds.seed
),
by_seed as (
    select experiment, condition, regime, benchmark, task_group, seed,
           if(count(value) = count(*), avg(value), null) as score, bool_or(failed) as failed, bool_or(collapsed) as collapsed
    from cells
    group by experiment, condition, regime, benchmark, task_group, seed
),
limits as (
    select experiment, condition, regime, bool_or(eval_examples is not null) as capped
    from internal.members
    join ledger using (trial_id)
    where role = 'evaluation' and winner
    group by experiment, condition, regime
),
there as (
    select experiment, condition, regime, benchmark, task_group, count(*) as of_tasks, count(*) filter (has) as tasks,
           list_sort(list(task) filter (not has)) as missing
    from (
        select experiment, condition, regime, benchmark, task_group, task, count(value) > 0 as has
        from cells
        group by experiment, condition, regime, benchmark, task_group, task
    )
    group by experiment, condition, regime, benchmark, task_group
)
select experiment, condition, regime, benchmark, task_group, avg(score) as score, median(score) as median,
       stddev_samp(score) as std, any_value(tasks) as tasks, any_value(of_tasks) as of_tasks, any_value(missing) as missing,
       count(*) as planned, count(score) as finished, count(*) filter (failed) as failed,
       count(*) filter (score is not null and collapsed) as collapsed,
       format('{} of {}', count(score), count(*)) as seeds, bool_or(capped) as capped
from by_seed
join there using (experiment, condition, regime, benchmark, task_group)
left join limits using (experiment, condition, regime)
group by experiment, condition, regime, benchmark, task_group;
