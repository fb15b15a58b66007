-- One row per scored example of a task, language and split, as a trial's limits left them. `examples` is the fingerprint of such a
-- set, `position` the place in it, from 0 on; `item` is the same in all languages of a parallel task, `"group"` what depends on
-- each other: the questions of a paragraph, say. `gold` is a list, null where the release hides it. `tokens` are the model's.
create view examples as
select examples, position, example, item, "group", gold, texts, tokens, words from internal.examples;
