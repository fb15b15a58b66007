"""The report as people meet it: with and without JavaScript, on a phone, by keyboard.

It says nothing on the console and asks for nothing but itself: the fixture `opened` holds that for each of these tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.browser.opened import PHONE, Opened

pytestmark = pytest.mark.integration

Open = Callable[..., Opened]


def test_the_answer_comes_first(opened: Open) -> None:
    page = opened().page
    assert page.title() == "english-or-not: what helped"
    first = page.locator("main section").first
    assert first.locator("h2").inner_text() == "What helped"
    assert "mnli: better than none on xnli" in first.locator(".lead").inner_text()
    cells = first.locator("#differences td").all_inner_texts()
    assert len(cells) == 2 * 3
    assert all(any(verdict in cell for verdict in ("better", "worse", "not decided")) for cell in cells)


def test_tables_are_sorted_by_their_heads_and_numbers_as_numbers(opened: Open) -> None:
    report = opened()
    head = report.page.locator("#behind thead button", has_text="mean over languages")
    head.click()
    assert head.locator("..").get_attribute("aria-sort") == "descending"
    down = report.column("behind", 5)
    numbers = [float(one) for one in down if one != "–"]
    assert numbers == sorted(numbers, reverse=True)
    assert down[len(numbers) :] == ["–"] * (len(down) - len(numbers))  # what has no score stands last
    head.click()
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    assert [float(one) for one in report.column("behind", 5)[: len(numbers)]] == sorted(numbers)


def test_a_filter_leaves_the_rows_with_all_of_its_words(opened: Open) -> None:
    report = opened()
    report.page.locator("#behind input").fill("MNLI tatoeba")
    assert set(report.column("behind", 0)) == {"mnli"}
    assert set(report.column("behind", 1)) == {"tatoeba"}
    assert report.page.locator("#behind output").inner_text() == "3 of 25"
    report.page.locator("#behind input").fill("")
    assert len(report.column("behind", 0)) == 25  # the untouched model is scored once on tatoeba


def test_a_number_leads_to_its_trials_also_where_a_filter_hides_them(opened: Open) -> None:
    report = opened()
    report.page.locator("#behind input").fill("squad")
    report.page.locator("#differences td a").first.click()
    target = report.page.evaluate("location.hash.slice(1)")
    row = report.page.locator(f"#{target}")
    assert row.is_visible()
    evaluation = row.locator("td a").first
    evaluation.click()
    assert report.page.locator(f"#{report.page.evaluate('location.hash.slice(1)')}").is_visible()


def test_without_javascript_everything_is_there(opened: Open) -> None:
    with_it, without = opened().page, opened(java_script_enabled=False).page
    words = "main"
    assert without.locator("button, input").count() == 0  # nothing that would do nothing
    assert without.locator("tbody tr").count() == with_it.locator("tbody tr").count()
    for kind in ("svg", "h2", "h3", "td"):
        assert without.locator(f"{words} {kind}").count() == with_it.locator(f"{words} {kind}").count() > 0
    without.locator("summary", has_text="Every difference").click()
    assert without.locator("#all-differences td").first.is_visible()


def test_it_is_gone_through_by_keyboard(opened: Open) -> None:
    page = opened().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#answer"
    folded = page.locator("#all-differences td").first
    assert not folded.is_visible()
    page.locator("summary", has_text="Every difference").focus()
    page.keyboard.press("Enter")
    assert folded.is_visible()
    head = page.locator("#all-differences thead button").first
    head.focus()
    page.keyboard.press("Space")
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


@pytest.mark.parametrize("script", [True, False])
def test_on_a_phone_only_boxes_scroll_sideways(opened: Open, script: bool) -> None:
    page = opened(viewport=PHONE, java_script_enabled=script, has_touch=True).page
    wide = page.evaluate("document.documentElement.scrollWidth") if script else None
    if wide is None:  # nobody to ask: what sticks out of the page would be as wide as it
        boxes = [one.bounding_box() for one in page.locator("main > section > *").all()]
        wide = max(box["x"] + box["width"] for box in boxes if box is not None)
    assert wide <= PHONE["width"]


def test_headings_landmarks_and_tables_have_their_order_and_names(opened: Open) -> None:
    page = opened().page
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "nav[aria-label]", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1
    named = "[...document.querySelectorAll('table, .box')].map(one => one.getAttribute('aria-labelledby'))"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert set(page.evaluate(named)) <= set(ids)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened: Open, scheme: str) -> None:
    """At least 4.5 to 1, as WCAG asks for, in every cell of the heat map, links, captions and notes."""
    page = opened(color_scheme=scheme).page
    ratios = page.evaluate(CONTRAST)
    assert ratios
    assert min(ratios.values()) >= 4.5, {name: one for name, one in ratios.items() if one < 4.5}


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const [x, y, z] = [r / 255, g / 255, b / 255].map(linear);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (one) => {
    for (let up = one; up; up = up.parentElement) {
      const found = parse(getComputedStyle(up).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const found = {};
  document.querySelectorAll("td, td a, td small, th, p, figcaption, summary, dt, dd, li a, text").forEach((one) => {
    const style = getComputedStyle(one);
    const colour = one.tagName === "text" ? style.fill : style.color;
    const [a, b] = [light(parse(colour)), light(behind(one))];
    const name = `${one.tagName} ${one.className.baseVal ?? one.className} ${one.parentElement.className}`;
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found[name] = Math.min(found[name] ?? 99, ratio);
  });
  return found;
}"""


def test_what_a_ledger_holds_runs_nowhere(opened: Open) -> None:
    """Every name, error and text is a script, an image and an order to the terminal: shown, letter by letter."""
    page = opened("nasty").page
    shown = page.locator("#failures td").last.inner_text()
    assert "<script>alert(1)</script><img src=x onerror=alert(2)> ]]> javascript:alert(3)" in shown
    assert "\\u202e" in shown
    assert "\\x1b[2J" in shown
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_a_print_has_the_sections_and_not_the_appendix(opened: Open) -> None:
    page = opened().page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("#differences td").first.is_visible()
    assert not page.locator("#all-trials td").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
