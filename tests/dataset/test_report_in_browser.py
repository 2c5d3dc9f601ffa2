"""The page in a real Chromium: what a reader sees, clicks, types, prints; and that nothing leaves it or runs in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.report_page import chromium, measure_opening, write_rows
from tests.dataset.report_versions import (
    ARABIC,
    EMOJI,
    FULL,
    HOSTILE,
    LONG,
    hostile_rows,
    left_out,
    row,
    rows_of_each_kind,
    write_version,
)
from utils.dataset.report import write_report

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of three reports: rows of each kind, hostile ones, and so many that the list has pages."""
    made = {"small": rows_of_each_kind(), "hostile": hostile_rows(), "many": [row(f"q{n}") for n in range(120)]}
    made["alike"] = [
        row("q1"),
        left_out("q2", "near_duplicate", "question near q1 (similarity 0.91)"),
        left_out("q3", "leak", "question near q1 in validation (similarity 0.84)"),
        left_out("q4", "leak", "same question as q1 in test"),
    ]
    addresses = {}
    for name, rows in made.items():
        folder = write_version(tmp_path_factory.mktemp(name), rows, documentation="Read this.")
        write_report(folder, FULL)
        addresses[name] = (folder / "report.html").as_uri()
    return addresses


class _Opened:
    """A page, and what it asked for and complained about."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.page: Page = browser.new_context(**context).new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address)
        expect(self.page.locator("#count")).not_to_be_empty()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Any]:
    """Opens pages and, at the end, sees that none said anything or asked for anything but itself."""
    all_opened: list[tuple[str, _Opened]] = []

    def open_page(address: str, **context: Any) -> Page:
        one = _Opened(browser, address, **context)
        all_opened.append((address.split("#")[0], one))
        return one.page

    yield open_page
    for address, one in all_opened:
        one.page.context.close()
        assert one.said == []
        assert {url.split("#")[0] for url in one.asked if not url.startswith("data:")} == {address}


def _ids(page: Page) -> list[str]:
    return page.locator("#list .id").all_inner_texts()


def test_all_rows_are_listed_and_counted(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    expect(page.get_by_role("status")).to_have_text("9 rows")
    assert _ids(page) == ["q1", "q2", "q3", "q4", "q5", "q6", "generated.jsonl:7", "b1", "b2"]
    assert page.title() == "Training set 0123456789ab"


def test_the_policy_refuses_what_the_page_does_not_bring(
    opened: Any, reports: dict[str, str], browser: Browser
) -> None:
    page = _Opened(browser, reports["small"]).page
    refused = page.evaluate(
        """() => new Promise((done) => {
          const found = [];
          document.addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
          const script = document.createElement("script");
          try { script.text = "window.hacked = 1"; } catch { found.push("trusted types"); }
          try { document.body.innerHTML += "x"; } catch { found.push("trusted types"); }
          document.body.append(script);
          fetch("http://127.0.0.1:9/").catch(() => 0);
          document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x.png" }));
          setTimeout(() => done(found), 300);
        })"""
    )
    assert {"trusted types", "connect-src", "img-src"} <= set(refused)
    assert page.evaluate("window.hacked") is None
    page.context.close()


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"Outcome": "duplicate"}, ["q4"]),
        ({"Outcome": "*left-out"}, ["q4", "q5", "q6", "generated.jsonl:7", "b2"]),
        ({"Outcome": "*written"}, ["q1", "q2", "q3", "b1"]),
        ({"Database": "tpch"}, ["q2"]),
        ({"Tier": "synthetic+paraphrase"}, ["q3"]),
        ({"Difficulty": "easy", "Outcome": "*left-out"}, ["q4", "q5", "q6", "generated.jsonl:7", "b2"]),
        ({"Operator": "RANKING"}, ["q2"]),
        ({"Difficulty": "hard", "Outcome": "mismatch"}, []),
    ],
)
def test_filters(opened: Any, reports: dict[str, str], filters: dict[str, str], ids: list[str]) -> None:
    page = opened(reports["small"])
    for label, value in filters.items():
        page.locator("#filters").get_by_label(label, exact=True).select_option(value)
    expect(page.get_by_role("status")).to_have_text(f"{len(ids)} of 9 rows")
    assert _ids(page) == ids
    again = opened(page.url)
    assert _ids(again) == ids
    again.get_by_role("button", name="Clear filters").click()
    expect(again.get_by_role("status")).to_have_text("9 rows")
    assert again.evaluate("location.hash") == ""


@pytest.mark.parametrize(
    ("words", "ids"),
    [("Q5?", ["q5"]), ("gold gives 4", ["q5"]), ("q1 customers what", ["q1", "q4"]), ("nothing like it", [])],
)
def test_search_finds_all_words_anywhere_in_a_row(
    opened: Any, reports: dict[str, str], words: str, ids: list[str]
) -> None:
    page = opened(reports["small"])
    page.get_by_label("Search").fill(words)
    expect(page.get_by_role("status")).to_have_text(f"{len(ids)} of 9 rows")
    assert _ids(page) == ids
    assert _ids(opened(page.url)) == ids


def test_figures_lead_to_their_rows(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    page.get_by_label("lost before kept").get_by_role("link", name="duplicate").click()
    expect(page.get_by_role("status")).to_have_text("1 of 9 rows")
    expect(page.get_by_label("Outcome", exact=True)).to_have_value("duplicate")
    page.locator("#operators").get_by_role("link", name="RANKING").click()
    expect(page.get_by_label("Operator", exact=True)).to_have_value("RANKING")
    assert _ids(page) == ["q2"]
    page.locator("#operators").get_by_role("link", name="CALCULATE").click()
    expect(page.get_by_role("status")).to_have_text("0 of 9 rows")


def test_a_row_is_read_in_full(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    page.get_by_role("link", name="q1").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("q1")
    expect(dialog).to_contain_text("What about q1?")
    expect(dialog.locator("pre.code")).to_have_text("result = customers.WHERE(name == 'q1')")
    expect(dialog.locator(".code-operator")).to_have_text("WHERE")
    assert dialog.get_by_role("row").all_inner_texts() == ["name\ttotal", "Ann\t12.5", "Bob\tnull"]
    expect(dialog).to_contain_text("3 more rows")
    expect(dialog).to_contain_text("right on 11 of 11")
    expect(dialog).to_contain_text("line 1 of train.jsonl")
    expect(dialog.get_by_text("# Broker")).to_be_hidden()
    dialog.get_by_text("Schema, 4 lines").click()
    expect(dialog.get_by_text("# Broker")).to_be_visible()
    dialog.get_by_text("Documentation, 1 line").click()
    expect(dialog.get_by_text("Read this.")).to_be_visible()


def test_a_row_that_was_left_out_says_why(opened: Any, reports: dict[str, str]) -> None:
    dialog = opened(f"{reports['small']}#row=q5").get_by_role("dialog")
    for told in ("ran, but gave other rows than the gold SQL", "3 rows, gold gives 4", "right on 4 of 11", "made database 4",
                 "childless parents", "the LIMIT cuts a tie", "line 2, has-drops: HAS drops parents without children"):  # fmt: skip
        expect(dialog).to_contain_text(told)


def test_a_duplicate_leads_to_the_row_that_was_kept(opened: Any, reports: dict[str, str]) -> None:
    page = opened(f"{reports['small']}#row=q4")
    page.get_by_role("link", name="Open q1").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("q1")
    page.go_back()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("q4")


@pytest.mark.parametrize("name", ["q2", "q3", "q4"])
def test_what_is_like_another_row_leads_to_it(opened: Any, reports: dict[str, str], name: str) -> None:
    page = opened(f"{reports['alike']}#row={name}")
    page.get_by_role("link", name="Open q1").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("q1")


def test_everything_works_by_keyboard(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    keys = page.keyboard
    focused = page.locator(":focus")
    keys.press("/")
    expect(focused).to_have_id("q")
    keys.type("what about /j")
    expect(page.get_by_role("status")).to_have_text("0 of 9 rows")
    keys.press("Control+a")
    keys.type("what")
    expect(page.get_by_role("status")).to_have_text("8 of 9 rows")
    keys.press("ArrowDown")
    expect(focused.locator(".id")).to_have_text("q1")
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    keys.press("j")
    keys.press("ArrowDown")
    keys.press("k")
    expect(focused.locator(".id")).to_have_text("q2")
    keys.press("End")
    expect(focused.locator(".id")).to_have_text("b2")
    keys.press("ArrowDown")
    expect(focused.locator(".id")).to_have_text("b2")
    keys.press("Home")
    keys.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(focused).to_have_text("q1")
    keys.press("j")
    expect(focused).to_have_text("q2")
    assert "row=q2" in page.url
    keys.press("k")
    keys.press("k")
    expect(focused).to_have_text("q1")
    keys.press("j")
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(focused.locator(".id")).to_have_text("q2")
    assert "row=" not in page.url and "q=what" in page.url


def test_tab_enters_and_leaves_the_list_in_one_step(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["many"])
    page.get_by_label("Operator", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.locator(":focus .id")).to_have_text("q0")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Next page")


def test_pages_are_turned_by_button_and_by_key(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["many"])
    expect(page.locator("#page")).to_have_text("Page 1 of 3")
    assert len(_ids(page)) == 50
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("status")).to_have_text("120 of 120 rows, page 2")
    assert _ids(page)[0] == "q50"
    page.locator("#list a").first.focus()
    page.keyboard.press("k")
    expect(page.locator(":focus .id")).to_have_text("q49")
    page.keyboard.press("End")
    expect(page.locator(":focus .id")).to_have_text("q119")
    assert len(_ids(page)) == 20
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()


def test_a_deep_link_opens_its_row_on_its_page(opened: Any, reports: dict[str, str]) -> None:
    page = opened(f"{reports['many']}#outcome=train&row=q77")
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text("q77")
    expect(page.locator("#row-place")).to_contain_text("78 of 120")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(":focus .id")).to_have_text("q77")
    assert page.url.endswith("#outcome=train")


def test_a_deep_link_to_a_row_that_is_not_there_says_so(opened: Any, reports: dict[str, str]) -> None:
    page = opened(f"{reports['small']}#row=q999")
    expect(page.get_by_role("alert")).to_contain_text("Row q999 is not in this page")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_back_closes_a_row(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    page.locator("#list a").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_schemes(opened: Any, reports: dict[str, str], scheme: str) -> None:
    page = opened(f"{reports['small']}#row=q1", color_scheme=scheme)
    page.get_by_role("dialog").get_by_text("Schema, 4 lines").click()
    told = page.evaluate(
        """() => [...document.querySelectorAll("body *")].flatMap((element) => {
          const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
          if (!own || !element.checkVisibility() || element.closest("svg, option, .skip, .hidden, :disabled")) return [];
          let behind = element;
          while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
          return [[element.textContent.slice(0, 30), getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]];
        })"""
    )
    assert len(told) > 80
    for text, colour, ground in told:
        assert _contrast(colour, ground) >= 4.5, (text, colour, ground)
    grounds = {ground for *_rest, ground in told}
    assert any(_luminance(ground) > 0.9 for ground in grounds) == (scheme == "light")


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, after WCAG 2.2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["small", "hostile", "many"])
def test_a_phone_never_scrolls_sideways(opened: Any, reports: dict[str, str], name: str) -> None:
    page = opened(reports[name], viewport=PHONE)
    for details in page.locator("details:visible > summary").all():
        details.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for place in range(min(page.locator("#list a").count(), 6)):
        page.locator("#list a").nth(place).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.evaluate(
            "[document.documentElement.scrollWidth, document.querySelector('dialog').scrollWidth]"
        ) == [360, 360]
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_hostile_rows_are_shown_as_text(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["hostile"])
    expect(page.get_by_role("status")).to_have_text("10 rows")
    for place in range(10):
        page.locator("#list a").nth(place).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator("#list a").first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.inner_text().count(HOSTILE) >= 8
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe").count() == 0


def test_characters_that_cannot_be_seen_are_written_out(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["hostile"])
    page.get_by_label("Search").fill("evil")
    expect(page.get_by_role("status")).to_have_text("2 of 10 rows")
    page.locator("#list a").first.click()
    expect(page.locator("#row-body .prose").first).to_have_text("a⟦U+2028⟧b␀c⟦U+202E⟧evil⟦U+202C⟧ ⟦U+FEFF⟧d")


@pytest.mark.parametrize("text", [ARABIC, EMOJI, LONG])
def test_other_scripts_long_words_and_emoji_are_found_and_shown(
    opened: Any, reports: dict[str, str], text: str
) -> None:
    page = opened(f"{reports['hostile']}#q={quote(text)}")
    expect(page.get_by_role("status")).to_have_text("2 of 10 rows")
    page.locator("#list a").first.click()
    question = page.locator("#row-body .prose").first
    expect(question).to_have_text(text)
    assert question.evaluate("element => element.matches(':dir(rtl)')") == (text == ARABIC)


def test_a_filter_by_a_hostile_value_lives_in_the_address(opened: Any, reports: dict[str, str]) -> None:
    page = opened(f"{reports['hostile']}#tier={quote(HOSTILE)}&operator={quote(HOSTILE)}")
    expect(page.get_by_role("status")).to_have_text("1 of 10 rows")
    assert page.evaluate("window.hacked") is None


def test_print_has_no_controls_and_opens_what_is_folded(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["many"])
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("#filters", ".contents", ".keys", "#pages button", ".skip"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator("#page")).to_be_visible()
    for shown in ("#overview svg.bar", "#lengths .columns", "#leakage table", "#list"):
        expect(page.locator(shown).first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    folded = page.locator("#lengths details")
    assert folded.evaluate("element => element.open") is False
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.evaluate("element => element.open") is True
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.evaluate("element => element.open") is False
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= 3


def test_an_open_row_prints_alone(opened: Any, reports: dict[str, str]) -> None:
    page = opened(f"{reports['small']}#row=q5")
    page.emulate_media(media="print")
    expect(page.locator("main")).to_be_hidden()
    expect(page.get_by_text("3 rows, gold gives 4")).to_be_visible()
    expect(page.locator("#row-close")).to_be_hidden()


def test_a_screen_reader_finds_its_way(opened: Any, reports: dict[str, str]) -> None:
    page = opened(reports["small"])
    for landmark in ("banner", "main", "search"):
        assert page.get_by_role(landmark).count() == 1, landmark
    expect(page.get_by_role("navigation", name="Contents")).to_be_visible()
    for heading in page.get_by_role("heading", level=2).all_inner_texts():
        expect(page.get_by_role("region", name=heading, exact=True).first).to_be_visible()
    levels = page.evaluate("[...document.querySelectorAll('main h2, main h3')].map((heading) => heading.tagName)")
    assert levels[0] == "H2" and page.locator("h1").count() == 1
    nameless = page.locator("svg:not([aria-hidden='true'], [aria-hidden='true'] *)")
    assert nameless.count() == 0  # each chart's numbers stand beside it as text
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "polite")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the rows")


def test_without_script_the_figures_are_there(browser: Browser, reports: dict[str, str]) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(reports["small"])
    expect(page.get_by_role("heading", name="Leakage between files")).to_be_visible()
    expect(page.locator("#filters")).to_be_hidden()
    page.context.close()


def test_twenty_thousand_rows_open_and_are_searched_at_once(tmp_path: Path, opened: Any) -> None:
    write_report(tmp_path, write_rows(tmp_path, 20_000))
    report = tmp_path / "report.html"
    page = opened(report.as_uri())
    expect(page.get_by_role("status")).to_have_text("20,000 rows")
    started = time.perf_counter()
    page.get_by_label("Outcome", exact=True).select_option("duplicate")
    expect(page.get_by_role("status")).to_contain_text(" of 20,000 rows")
    assert time.perf_counter() - started < 1


def test_twenty_thousand_rows_open_within_two_seconds(tmp_path: Path, browser: Browser) -> None:
    write_report(tmp_path, write_rows(tmp_path, 20_000))
    tries = [measure_opening(browser, tmp_path / "report.html") for _try in range(2)]
    assert min(told["open_ms"] for told in tries) < 2_000, tries
    assert min(told["search_ms"] for told in tries) < 1_000, tries
