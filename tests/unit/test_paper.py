"""`sweep table`: the numbers of `sweep compare` as papers print them, with all that must be said of them."""

from __future__ import annotations

import csv
import functools
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.planning.plan import Study
from sweep.results.comparison.comparison import By, Comparison, compare
from sweep.results.paper import make, references
from sweep.results.paper.printed import Cell, Cite, Column, Line, Printed, Section
from sweep.results.paper.written import FORMATS
from sweep.results.query import query
from sweep.scoring import benchmark
from tests.simulated import End, Truth, simulated
from tests.unit.test_formats import CRUEL, shown
from trainables.errors import UserError
from trainables.spec import TrialSpec
from trainables.store import Store

TARGETS = ["tatoeba", "udpos", "xnli", "pawsx"]
NAME = "50%_<b>|&{x}"
XTREME = {
    "data": "mock",
    "targets": TARGETS,
    "languages": ["en", "de", "fr"],
    "conditions": ["none", "mnli", {"name": NAME, "tasks": ["hellaswag"]}],
    "seeds": [1, 2, 3],
    "trials": {"intermediate": 1, "target": 3},
    "evaluate": {"top": 3},
    "limits": {},
}


def ends(study: Study, spec: TrialSpec) -> End:
    """A seed of mnli failed on pawsx, one of the other ended at chance on xnli, and one of the baseline on udpos."""
    if spec.phase == "target" and (study.condition, spec.seed, spec.tasks) == ("mnli", 3, ("pawsx",)):
        return "failed"
    if spec.phase == "target" and (study.condition, spec.seed, spec.tasks) == (NAME, 2, ("mnli",)):
        return "collapsed"
    if spec.phase == "target" and (study.condition, spec.seed, spec.tasks) == ("none", 2, ("udpos",)):
        return "failed"
    return "well"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    truth = Truth(
        gains={"mnli": 12.0, NAME: {"xnli": 11.5, "udpos": -15.0}}, seeds=0.5, level=60.0, languages=(4.0, 1.0)
    )
    return simulated(tmp_path_factory.mktemp("paper"), truth, examples=150, ends=ends, **XTREME).store


@pytest.fixture(scope="module")
def printed(store: Store) -> Printed:
    return make.transfer(make.Question(store))


def cells(table: Printed, section: int = 0) -> dict[tuple[str, str], Cell]:
    return {
        (line.label, column.name): cell
        for line in table.sections[section].lines
        for column, cell in zip(table.columns, line.cells, strict=True)
    }


@functools.cache
def compared(store: Store, baseline: str = "none", by: By = "target") -> Comparison:
    return compare(store, baseline, by)


def test_the_numbers_are_those_of_the_comparison(store: Store, printed: Printed) -> None:
    found = cells(printed)
    rows = compared(store).rows
    assert len(found) == len(TARGETS) * 3
    for row in rows:
        column = references.name(row.subject)
        assert found[row.condition, column].value == row.difference
        assert found[row.condition, column].p == row.p_adjusted
        assert found["none", column].value == row.baseline_score
        assert (found[row.condition, column].seeds, found["none", column].seeds) == (row.seeds, row.baseline_seeds)


def test_columns_are_in_the_benchmarks_order_and_rows_in_the_plans(printed: Printed) -> None:
    assert [column.name for column in printed.columns] == ["XNLI", "PAWS-X", "POS", "Tatoeba"]
    assert printed.groups == (("Classification", 2), ("Structured prediction", 1), ("Retrieval", 1))
    assert [line.label for line in printed.sections[0].lines] == ["none", "mnli", NAME]
    assert printed.columns[2].about == ("f1", "3")


def test_bold_is_what_no_comparison_with_the_best_of_its_column_puts_below_it(store: Store, printed: Printed) -> None:
    found = cells(printed)
    for target in TARGETS:
        column = references.name(target)
        values = {"none": 0.0} | {
            row.condition: row.difference or 0.0 for row in compared(store).rows if row.subject == target
        }
        best = max(values, key=lambda name: values[name])
        verdicts = {row.condition: row.verdict for row in compared(store, best).rows if row.subject == target}
        assert {name for name in values if found[name, column].bold} == {
            name for name in values if name == best or verdicts[name] in ("not decided", "better")
        }
    assert not found["none", "XNLI"].bold
    assert found["mnli", "XNLI"].bold and found[NAME, "XNLI"].bold


def test_stars_follow_the_adjusted_p(printed: Printed) -> None:
    found = cells(printed)
    assert [Cell(1.0, p=p).stars for p in (None, 0.5, 0.05, 0.049, 0.009)] == [0, 0, 0, 1, 2]
    assert found["mnli", "XNLI"].stars == 2
    assert all(found["none", column.name].stars == 0 for column in printed.columns)


def test_seeds_that_failed_or_collapsed_are_marked_and_told(printed: Printed) -> None:
    found = cells(printed)
    assert found["mnli", "PAWS-X"].signs == ("‡",)
    assert found[NAME, "XNLI"].signs == ("†",)
    assert found["none", "POS"].signs == ("‡",)
    assert {place for place, cell in found.items() if cell.signs} == {
        ("mnli", "PAWS-X"),
        (NAME, "XNLI"),
        ("none", "POS"),
    }
    notes = "\n".join(printed.notes)
    assert "mnli on PAWS-X: of the 3 seeds of mnli 1 failed" in notes
    assert f"{NAME} on XNLI: of the 3 seeds of {NAME} 1 ended at chance and count" in notes
    assert "of the 3 seeds of none 1 failed" in notes
    for form in ("table", "markdown", "latex", "html"):
        text = FORMATS[form](printed)
        assert text.count("dagger" if form == "latex" else "‡") >= 2
        assert "with fewer seeds than planned" in text


def test_an_average_stands_only_over_a_whole_benchmark(tmp_path: Path, printed: Printed) -> None:
    """Not where a task is no target, and not where the labels of one are hidden."""
    assert make.AVERAGE not in [column.name for column in printed.columns]
    few = {"data": "mock", "targets": "xtreme", "languages": ["en", "de"], "conditions": ["none", "mnli"], "limits": {}}
    few["trials"] = {"intermediate": 1, "target": 1}
    whole = simulated(tmp_path / "whole", examples=20, **few).store
    (row,) = [row for row in compared(whole, by="benchmark").rows if row.subject == "xtreme"]
    found = cells(make.transfer(make.Question(whole)))
    assert (found["mnli", make.AVERAGE].value, found["none", make.AVERAGE].value) == (
        row.difference,
        row.baseline_score,
    )
    hidden = simulated(tmp_path / "hidden", Truth(hidden=frozenset({"tydiqa"})), examples=20, **few).store
    assert make.AVERAGE not in {column for _, column in cells(make.transfer(make.Question(hidden)))}


def test_the_words_say_how_the_numbers_came_about(printed: Printed) -> None:
    text = FORMATS["markdown"](printed)
    for words in (
        "accuracy, dev split, 3 languages", "3 seeds (1, 2, 3; the search was on the first)",
        "3 trials for each target training",
        "development data in en", "Satterthwaite", "8 comparisons", "Holm", "(Conneau et al. 2018)", "recipe",
    ):  # fmt: skip
        assert words in text, words
    assert "of tasks of XTREME (Hu et al. 2020)" in text
    for key in printed.cited:
        assert f"{{{key}," in text


def test_every_task_of_the_benchmarks_and_every_key_has_its_paper() -> None:
    tasks = {task.name for name in benchmark.names() for task in benchmark.load(name).tasks}
    keys = {key for task in tasks for cited in references.cite("tasks", [task]) for key in cited.keys}
    assert all(references.cite("tasks", [task]) and references.name(task) != task for task in tasks)
    known = references._known()
    keys |= {key for kind in ("tasks", "benchmarks", "models", "methods") for of in known[kind].values() for key in of}
    assert keys == set(known["short"]) == set(references._entries())
    for key in keys:
        entry = references.bibtex(key)
        assert re.match(rf"@\w+{{{key},\n", entry) and entry.endswith("\n}")
        assert entry.count("{") == entry.count("}")
        year = re.search(r"year += \{(\d{4})\}", entry)
        assert year is not None and year[1] in references.short(key)
    assert references.cite_model("FacebookAI/xlm-roberta-large") == (Cite(("conneau2020xlmr",)),)
    assert references.cite_model("minilm") == ()


def test_by_language_a_target_has_its_languages_and_their_mean(store: Store) -> None:
    table = make.languages(make.Question(store), "xnli")
    assert [column.name for column in table.columns] == ["de", "en", "fr", make.AVERAGE]
    assert [column.about for column in table.columns] == [("",), ("source",), ("",), ("",)]
    found = cells(table)
    for row in compared(store, by="language").rows:
        if row.target == "xnli":
            assert found[row.condition, row.subject].value == row.difference
    (mean,) = [row for row in compared(store).rows if (row.subject, row.condition) == ("xnli", "mnli")]
    assert found["mnli", make.AVERAGE].value == mean.difference
    with pytest.raises(UserError, match=r"is about one target\n.*--target tatoeba"):
        make.languages(make.Question(store))
    with pytest.raises(UserError, match=r"no target 'xnlu'\n.*did you mean 'xnli'"):
        make.languages(make.Question(store), "xnlu")


def test_many_languages_stand_below_each_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = make.languages(make.Question(store), "xnli")
    monkeypatch.setattr(make, "MOST_LANGUAGES", 2)
    turned = make.languages(make.Question(store), "xnli")
    assert [line.label for line in turned.sections[0].lines] == ["de", "en (source)", "fr", make.AVERAGE]
    assert [column.name for column in turned.columns] == ["none", "mnli", NAME]
    assert cells(turned) == {
        (f"{column} (source)" if column == "en" else column, condition): cell
        for (condition, column), cell in cells(usual).items()
    }
    assert "First column: scores of none" in str(turned.caption[0])
    assert "the best of its row" in str(turned.caption[0])


def test_the_leaderboard_is_that_of_the_view(store: Store) -> None:
    table = make.leaderboard(make.Question(store))
    assert "xtreme, zero-shot: without all of" in "\n".join(table.notes)
    rows = query(store, "from leaderboard").to_pylist()
    for place, section in enumerate(table.sections):
        name = section.title.partition(",")[0]
        found = cells(table, place)
        for row in rows:
            if row["benchmark"] == name:
                assert found[row["condition"], references.group(row["task_group"])].value == row["score"]


def test_an_oracle_is_the_best_of_what_was_scored_and_says_what_it_is(store: Store) -> None:
    table = make.transfer(make.Question(store), with_oracle=True)
    assert [section.title for section in table.sections] == ["", "ORACLE", "ORACLE, less winner"]
    sql = """
        select condition, rank, avg(value) as mean from scores
        where target = 'xnli' and main and phase = 'evaluate' and rank is not null group by all order by rank
    """
    means: dict[str, list[float]] = {}
    for row in query(store, sql).to_pylist():
        means.setdefault(row["condition"], []).append(row["mean"])
    assert all(len(of) == 3 for of in means.values())
    oracle, cost = cells(table, 1), cells(table, 2)
    assert oracle["none", "XNLI"].value == pytest.approx(max(means["none"]))
    assert oracle["mnli", "XNLI"].value == pytest.approx(max(means["mnli"]) - max(means["none"]))
    assert cost["mnli", "XNLI"].value == pytest.approx(max(means["mnli"]) - means["mnli"][0])
    assert all(not cell.bold and not cell.stars for cell in (*oracle.values(), *cost.values()))
    assert "no zero-shot result" in "\n".join(table.notes)


def test_without_other_evaluations_there_is_no_oracle(tmp_path: Path) -> None:
    small = simulated(tmp_path, examples=20, targets=["mini-pos"])
    with pytest.raises(UserError, match=r"only the winner was scored\n.*evaluate: \{top: K\}"):
        make.transfer(make.Question(small.store), with_oracle=True)


def test_error_rates_are_turned_round_and_it_is_said(tmp_path: Path) -> None:
    small = simulated(tmp_path, Truth(gains={"mini-nli": 20.0}), targets=["mini-checklist"], limits={})
    table = make.transfer(make.Question(small.store))
    value = cells(table)["mini-nli", "mini-checklist"].value
    assert value is not None and value > 5
    assert "Of error rates less is better." in FORMATS["markdown"](table)


def test_one_seed_claims_nothing_of_the_recipe_and_limits_are_told(tmp_path: Path) -> None:
    small = simulated(tmp_path, examples=20, targets=["mini-pos"], limits={"eval_examples": 20, "train_examples": 30})
    text = FORMATS["markdown"](make.transfer(make.Question(small.store)))
    assert "about these models alone" in text
    assert "There is one seed" in text
    assert "Only the first 20 examples of each language are scored: no official numbers." in text


def test_hidden_labels_leave_a_cell_without_a_number_and_a_note(tmp_path: Path) -> None:
    small = simulated(tmp_path, Truth(hidden=frozenset({"mini-qa"})), examples=20, targets=["mini-pos", "mini-qa"])
    table = make.transfer(make.Question(small.store))
    cell = cells(table)["mini-nli", "mini-qa"]
    assert (cell.value, cell.shown, cell.bold) == (None, "–", False)
    assert "labels are hidden" in "\n".join(table.notes)


def test_csv_has_the_numbers_exactly(store: Store, printed: Printed) -> None:
    rows = [*csv.DictReader(io.StringIO(FORMATS["csv"](printed)))]
    exact = {(row["condition"], row["column"]): float(row["value"]) for row in rows}
    assert exact == {place: cell.value for place, cell in cells(printed).items()}


def ask(store: Store, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["table", store.uri, *arguments])
    assert done.exit_code == code, done.output
    return done


def test_the_command_writes_each_format(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "table.tex"
    ask(store, "--format", "latex", "--output", str(file))
    text = file.read_text(encoding="utf-8")
    assert r"\begin{tabular}{lrrrr}" in text
    assert r"50\%\_\textless{}b\textgreater{}\textbar{}\&\{x\} & " in text
    assert r"\cmidrule(lr){2-3}" in text
    assert "\\multicolumn{2}{c}{Classification}" in text
    assert f"│ {NAME}" in ask(store, "--layout", "languages", "--target", "xnli").stdout.replace(
        f" {NAME}", f"│ {NAME}"
    )
    assert "--layout languages --target xnli" in ask(store, "--target", "xnli", code=2).stderr
    assert "has no oracle" in ask(store, "--layout", "leaderboard", "--oracle", code=2).stderr
    for layout in ("paper", "leaderboard"):
        assert "no condition 'mnlu'" in ask(store, "--layout", layout, "--baseline", "mnlu", code=2).stderr


def test_another_baseline_stands_in_the_first_row(store: Store) -> None:
    table = make.transfer(make.Question(store, baseline="mnli"))
    assert [line.label for line in table.sections[0].lines] == ["mnli", "none", NAME]


word = st.sampled_from(
    [one for one in CRUEL if one and not any("\ud800" <= char <= "\udfff" for char in one)]
) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
block = st.sampled_from(
    ["# a", "- a", "+ a", "1. a", "12) a", "=", "---", "> a", "    a", "```", "a\n\nb", "<b>\n", "\n"]
)
numbers = st.builds(
    Cell,
    value=st.none() | st.floats(-100, 100),
    is_difference=st.booleans(),
    instead=st.sampled_from(["", "–"]),
    bold=st.booleans(),
    p=st.none() | st.floats(0, 1),
    signs=st.sampled_from([(), ("†",), ("†", "‡")]),
)


@st.composite
def tables(draw: st.DrawFn) -> Printed:
    """Tables whose every text may be as odd as the names in a ledger."""
    width = draw(st.integers(1, 3))
    lines = st.builds(Line, word, st.lists(numbers, min_size=width, max_size=width).map(tuple))
    sections = st.builds(Section, word | st.just(""), st.lists(lines, min_size=1, max_size=2).map(tuple))
    return Printed(
        label="x",
        rows=draw(word),
        columns=tuple(Column(draw(word), draw(word), (draw(word),)) for _ in range(width)),
        about=(draw(word),),
        sections=tuple(draw(st.lists(sections, min_size=1, max_size=2))),
        caption=(draw(word | block), Cite(("hu2020xtreme",))),
        notes=tuple(draw(st.lists(word | block, max_size=2))),
        methods=(draw(word), Cite(("holm1979", "benjamini1995"))),
    )


@given(tables())
def test_markdown_tables_keep_their_shape(table: Printed) -> None:
    parsed = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(FORMATS["markdown"](table))
    )
    lines = sum(len(section.lines) + bool(section.title) for section in table.sections)
    heads = 2 + bool(table.groups)
    assert sum(one.type == "tr_open" for one in parsed) == lines + heads
    assert sum(one.type in ("td_open", "th_open") for one in parsed) == (lines + heads) * (len(table.columns) + 1)
    inline = [part for one in parsed if one.type == "inline" for part in one.children or []]
    assert {one.type for one in inline} <= {
        "text", "text_special", "html_inline", "strong_open", "strong_close", "em_open", "em_close", "softbreak",
    }  # fmt: skip
    assert all(one.content == "<br>" for one in inline if one.type == "html_inline")
    blocks = {"table", "thead", "tbody", "tr", "th", "td", "paragraph", "bullet_list", "list_item"}
    assert {one.type for one in parsed} <= {
        "inline",
        "fence",
        *(f"{one}_{end}" for one in blocks for end in ("open", "close")),
    }


class Texts(HTMLParser):
    """The texts of a page's cells in order, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag in ("td", "th"):
            self.depth += 1
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.texts[-1] += data


@given(tables())
def test_html_says_the_same_and_no_text_is_an_element(table: Printed) -> None:
    page = Texts()
    page.feed(FORMATS["html"](table))
    page.close()
    labels = [line.label for section in table.sections for line in section.lines]
    titles = [section.title for section in table.sections if section.title]
    names = [table.rows, *(column.name for column in table.columns), *labels, *titles]
    assert {shown(name) for name in names} <= set(page.texts)
    assert page.elements <= {
        "html", "head", "meta", "title", "style", "body", "table", "caption", "thead", "tbody", "tr", "th", "td", "b",
        "sup", "ul", "li", "p", "pre",
    }  # fmt: skip


@given(tables())
def test_latex_has_the_cells_of_the_table_and_no_orders_of_others(table: Printed) -> None:
    text = FORMATS["latex"](table)
    own = (
        r"\\(begin|end)\{(table\*|tabular)\}(\{l?r+\})?|\\(centering|small|footnotesize|toprule|midrule|bottomrule|dagger|ddagger)"
        r"|\\cmidrule\(lr\)\{\d+-\d+\}|\\multicolumn\{\d+\}\{[lc]\}|\\(textbf|textit|caption|label|citep)(?=\{)|\\\\"
        r"|\\text(backslash|asciicircum|asciitilde|less|greater|bar|asciigrave|quotedbl)\{\}|\\[&%$#_{}]"
    )
    left = re.sub(own, "", text.partition("\n% @")[0])
    assert "\\" not in left
    assert left.count("{") == left.count("}")
    assert left.count("$") % 2 == 0
    assert not re.search(r"[%#_<>|~`\"](?!\{)", left.replace("~{", ""))
    assert all(line.startswith("% ") or line == "%" for line in text.partition("\n% @")[2].splitlines()[1:])
