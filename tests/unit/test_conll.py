"""Tagged sentences: CoNLL columns and CCGbank's derivations, with every trap that an official file has held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.conftest import Save
from tests.unit.reading import problem, problems, task
from trainables.data.conll import read_ccgbank, read_conll
from trainables.data.examples import TaggedSentence

UDPOS = task("udpos")


def tagged(path: Path, name: str = "udpos", **options: Any) -> list[TaggedSentence]:
    return read_conll(path, options, task(name))


def test_blank_lines_separate_sentences(save: Save) -> None:
    assert tagged(save("\nEin\tDET\nHund\tNOUN\n\n \n\nJa\tINTJ\n")) == [
        TaggedSentence("dev-de-0", ("Ein", "Hund"), ("DET", "NOUN")),
        TaggedSentence("dev-de-1", ("Ja",), ("INTJ",)),
    ]


def test_no_break_space_is_a_token(save: Save) -> None:
    path = save("a\n\u3000\n\u00a0\n")
    assert tagged(path)[0].tokens == ("a", "\u3000", "\u00a0")
    assert tagged(path, separator=" ")[0].tokens == ("a", "\u3000", "\u00a0")


def test_one_column_hides_tags(save: Save) -> None:
    assert tagged(save("Ein\nHund\n\nJa\n")) == [
        TaggedSentence("dev-de-0", ("Ein", "Hund"), None),
        TaggedSentence("dev-de-1", ("Ja",), None),
    ]


def test_columns_may_be_chosen_and_blanks_come_in_runs(save: Save) -> None:
    path = save("1 Ein  DET _\n2 Hund\t NOUN _ \n")
    assert tagged(path, separator=" ", token_column=1, tag_column=2) == [
        TaggedSentence("dev-de-0", ("Ein", "Hund"), ("DET", "NOUN"))
    ]


def test_wrong_separator_is_not_taken_for_hidden_tags(save: Save) -> None:
    path = save("Ein DET\nHund NOUN\n")
    found = problem(lambda: tagged(path))
    assert (found.message, found.line) == (r"has no '\t' to split at", 1)


def test_prefixes_are_cut_at_the_first_place(save: Save) -> None:
    path = save("de:Ein\tO\nde:12:30\tO\n")
    assert tagged(path, "panx", separator="\t", token_prefix=":")[0].tokens == ("Ein", "12:30")
    path = save("de:Ein\tO\nHund\tO\n")
    assert problem(lambda: tagged(path, "panx", token_prefix=":")).message == "no ':' in 'Hund'"


def test_skipped_lines_end_a_sentence(save: Save) -> None:
    path = save("-DOCSTART- -X- O\n\nUlm NNP B-LOC\n-DOCSTART- -X- O\nda RB O\n")
    read = tagged(path, "panx", separator=" ", skip=["-DOCSTART-"])
    assert [one.tokens for one in read] == [("Ulm",), ("da",)]


MULTICONER = """# id 5f1c\tdomain=en
Amina _ _ B-PER
# _ _ O
1 _ _ O

# id 77\tdomain=en
Ulm _ _ B-LOC
"""


def test_comments_stand_above_a_sentence(save: Save) -> None:
    read = tagged(save(MULTICONER), "panx", separator=" ", comments="# ")
    assert [(one.tokens, one.tags) for one in read] == [
        (("Amina", "#", "1"), ("B-PER", "O", "O")),
        (("Ulm",), ("B-LOC",)),
    ]
    path = save("-DOCSTART- O\n# id 1\n\n# id 2\n# _ _ O\nUlm _ _ B-LOC\n")
    (only,) = tagged(path, "panx", separator=" ", comments="# id", skip=["-DOCSTART-"])
    assert only.tokens == ("#", "Ulm")


def test_comments_that_nobody_told_of_are_no_tokens(save: Save) -> None:
    path = save(MULTICONER)
    found = problem(lambda: tagged(path, "ccg", separator=" "))
    assert (found.message, found.line) == ("every sentence begins with #", 1)
    assert found.hint == 'comments? leave them out with comments: "# ", or more of what they begin with'
    path = save("# text = Ulm\nUlm\tX\n\nJa\tX\n")
    assert problem(lambda: tagged(path)).hint == found.hint
    assert tagged(save("#\tX\n1\tNUM\n"))[0].tokens == ("#", "1")


def test_a_header_is_no_token_where_any_tag_will_do(save: Save) -> None:
    path = save("Token\tner_tag\nUlm\tB-LOC\n")
    found = problem(lambda: tagged(path, "ccg"))
    assert (found.message, found.line) == ("begins with a header: Token ner_tag", 1)
    assert tagged(save("word\tO\nUlm\tB-LOC\n"), "ccg")[0].tokens == ("word", "Ulm")


@pytest.mark.parametrize("tag", ["", " ", "_", "-1"])
def test_stand_ins_for_all_tags_hide_them(save: Save, tag: str) -> None:
    assert tagged(save(f"Ein\t{tag}\n\nHund\t{tag}\n")) == [
        TaggedSentence("dev-de-0", ("Ein",), None),
        TaggedSentence("dev-de-1", ("Hund",), None),
    ]
    path = save(f"Ein\t{tag}\nHund\tNOUN\n")
    assert problem(lambda: tagged(path)).message == (f"unknown tag '{tag}'" if tag.strip() else "no tag")


@pytest.mark.parametrize("content", ["-DOCSTART- O\n\n-DOCSTART- O\n", "# a\n\n# b\n"])
def test_a_file_without_sentences_is_a_problem(save: Save, content: str) -> None:
    path = save(content)
    found = problem(lambda: tagged(path, "panx", separator=" ", comments="# ", skip=["-DOCSTART-"]))
    assert (found.message, found.line) == ("has no sentences", 1)
    assert found.hint == "all its lines are blank, comments, or begin with what `skip` says"


def test_blanks_around_a_tag_are_no_part_of_it(save: Save) -> None:
    assert tagged(save("Ein\t DET \nHund\tNOUN \n"))[0].tags == ("DET", "NOUN")


def test_tags_may_be_named_otherwise(save: Save) -> None:
    path = save("Ulm\tLOC\n")
    assert tagged(path, "panx", label_map={"LOC": "B-LOC"})[0].tags == ("B-LOC",)
    assert tagged(path, "ccg")[0].tags == ("LOC",)  # a task without labels takes any


def test_unknown_tag_names_the_nearest(save: Save) -> None:
    path = save("Ein\tDET\n\nHund\tNOUNS\n")
    found = problem(lambda: tagged(path))
    assert (found.message, found.line, found.hint) == ("unknown tag 'NOUNS'", 3, "did you mean 'NOUN'?")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Hund", "columns: 1, where the file has 2"),
        ("\tNOUN", "empty token"),
        (" \tNOUN", "empty token"),
        ("Hund\t", "no tag"),
    ],
)
def test_incomplete_token_line_is_a_problem(save: Save, line: str, message: str) -> None:
    path = save(f"Ein\tDET\n{line}\nJa\tINTJ\n")
    found = problem(lambda: tagged(path))
    assert (found.message, found.line) == (message, 2)


@pytest.mark.parametrize("options", [{"token_column": 2}, {"tag_column": 2}, {"tag_column": -3}])
def test_column_beyond_the_file_is_a_problem(save: Save, options: dict[str, int]) -> None:
    path = save("Ein\tDET\n")
    found = problem(lambda: tagged(path, **options))
    assert found.message.startswith("columns: 2; wanted: ")
    assert (found.line, found.hint) == (1, "columns count from 0")


AUTO = """ID=wsj_0001.1 PARSER=GOLD NUMPARSE=1
(<T S[dcl] 0 2> (<L NP NNP NNP Vinken NP>) (<L S[dcl]\\NP VBZ VBZ sleeps S[dcl]\\NP_1>) (<L . . . . .>) )
"""


def test_ccgbank_leaves_are_words_and_categories(save: Save) -> None:
    assert read_ccgbank(save(AUTO), {}, task("ccg")) == [
        TaggedSentence("dev-de-0", ("Vinken", "sleeps", "."), ("NP", "S[dcl]\\NP", "."))
    ]


def test_a_line_without_leaves_is_a_problem(save: Save) -> None:
    path = save(AUTO + "(S sleeps)\n")
    found = problem(lambda: read_ccgbank(path, {}, task("ccg")))
    assert (found.message, found.line) == ("is not a derivation", 3)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (AUTO.replace("VBZ VBZ sleeps", "VBZ sleeps"), 2, "leaves: 2 of 3 are as CCGbank's"),
        ("ID=wsj_0001.1 PARSER=GOLD NUMPARSE=1\n", 1, "has no derivations"),
    ],
)
def test_a_word_is_never_lost(save: Save, content: str, line: int, message: str) -> None:
    path = save(content)
    found = problem(lambda: read_ccgbank(path, {}, task("ccg")))
    assert (found.message, found.line) == (message, line)


tokens = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n \ufeff"), min_size=1)
sentence = st.lists(st.tuples(tokens, st.sampled_from(UDPOS.labels)), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=st.lists(sentence, min_size=1), separator=st.sampled_from(["\t", " "]))
def test_tagged_round_trip(save: Save, sentences: list[list[tuple[str, str]]], separator: str) -> None:
    path = save("\n\n".join("\n".join(separator.join(row) for row in rows) for rows in sentences))
    read = tagged(path, separator=separator)
    assert [list(zip(each.tokens, each.tags or (), strict=True)) for each in read] == sentences


def test_a_token_that_skip_leaves_out_is_said(save: Save) -> None:
    """Tweets have `#` for a word: to leave it out as if it were a comment would cut the sentence in two."""
    path = save("# id 1\nAmina B-PER\n# O\n1 O\n\n# id 2\nUlm B-LOC\n")
    found = problems(lambda: tagged(path, "panx", separator=" ", skip=["#"]))
    assert [(one.message, one.line) for one in found][:1] == [("`skip` leaves out '#' between two tokens", 3)]
    assert "comments" in str(found[0].hint)
