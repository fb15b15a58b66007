-- One row per run of the store, whatever its experiment: who made the trials whose `run` it is, by which code, from which file.
create view runs as
select run, experiment, started_at, host, command, file, git_commit, git_dirty, python, sweep, torch, cuda, ray, transformers,
       datasets
from internal.runs;
