"""What a framed app does sooner than Textual, with the same outcome."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen
from textual.widgets import Label

from earthgazer_tui.terminal.framed_app import FramedApp
from earthgazer_tui.terminal.kept_stylesheet import KeptStylesheet

RED, BLUE = {"c": "#ff0000"}, {"c": "#0000ff"}


def _sheets() -> tuple[Stylesheet, KeptStylesheet]:
    plain, kept = Stylesheet(variables=RED), KeptStylesheet(variables=RED)
    for sheet in (plain, kept):
        sheet.add_source("Label { color: $c; }", read_from=("a", ""))
        sheet.parse()
    return plain, kept


def test_kept_css_is_what_parsing_it_anew_gives() -> None:
    plain, kept = _sheets()
    for sheet in (plain, kept):
        sheet.add_source("#b { background: $c; }", read_from=("b", ""))
        sheet.reparse()
    assert kept.css == plain.css


def test_what_was_parsed_is_kept_until_the_colours_change() -> None:
    plain, kept = _sheets()
    before = kept.rules[0]
    kept.set_variables(dict(RED))
    kept.reparse()
    assert kept.rules[0] is before
    for sheet in (plain, kept):
        sheet.set_variables(BLUE)
        sheet.reparse()
    assert kept.css == plain.css
    assert kept.rules[0] is not before


class _One(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Label("one")


class _Two(Screen[None]):
    CSS = "#two { width: 7; }"

    def compose(self) -> ComposeResult:
        yield Label("two", id="two")


class _App(FramedApp[None]):
    MODES = {"one": _One, "two": _Two}  # noqa: RUF012 - Textual declares it so
    DEFAULT_MODE = "one"


async def test_a_screen_is_built_before_it_is_asked_for_and_then_shown() -> None:
    app = _App()
    async with app.run_test() as pilot:
        await app.build_mode("two")
        await pilot.pause()
        assert app.current_mode == "one"
        built = app._screen_stacks["two"][0]
        await app.switch_mode("two")
        await pilot.pause()
        assert app.screen is built
        assert app.screen.query_one("#two").size.width == 7


async def test_painting_goes_on_after_changes_of_screens_however_quick() -> None:
    app = _App()
    async with app.run_test() as pilot:
        for mode in ("two", "one", "two", "one"):
            app.switch_mode(mode)
        await pilot.pause(0.1)
        assert app._batch_count == 0
        assert app.current_mode == "one"


async def test_an_app_that_is_ending_builds_nothing_more() -> None:
    app = _App()
    async with app.run_test():
        pass
    await app.build_mode("two")
    assert "two" not in app._screen_stacks
