-- One row per trial and predicted example.
create view predictions as
select trial_id, condition, seed, prediction.target, prediction.language, prediction.split, prediction.example,
       prediction.prediction
from (select trial_id, condition, seed, unnest(predictions) as prediction from ledger where status = 'finished');
