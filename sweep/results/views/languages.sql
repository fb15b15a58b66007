-- One row per language: its code, name, family and script, how much text of it XLM-R was pre-trained on (GiB of CC-100, and its
-- share in percent), and whether it is one of mBERT's. To be joined with `scores`, `best` or `transfer` using (language).
create view languages as
from internal.languages;
