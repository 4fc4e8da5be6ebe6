from __future__ import annotations

import asyncio
from dataclasses import replace

from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.models import CaptureDetail
from tests.tui import builders as make
from tests.tui.console import console, lines_with, press, shown, until_shown
from tests.tui.scripted_fleet import ScriptedFleet

WIDE = (160, 50)


def one_capture(detail: CaptureDetail | None = None) -> ScriptedFleet:
    fleet = ScriptedFleet()
    detail = detail or make.a_capture_detail()
    fleet.capture_rows = [detail.row]
    fleet.capture_details = {detail.row.capture_id: detail}
    return fleet


async def test_the_quick_check_is_one_key_away() -> None:
    async with console(one_capture()) as pilot:
        await press(pilot, "2", "enter")
        await until_shown(pilot, "NDVI histogram")
        assert "█" in shown(pilot)
        statistics = make.some_statistics()
        assert f"{statistics.valid:,}".replace(",", " ") in lines_with(pilot, "pixels ")[-1]
        for name, value in (("mean", "+0.6120"), ("std", "+0.1100"), ("p02", "+0.3500"), ("p98", "+0.8700")):
            assert value in lines_with(pilot, f"{name} ")[0]
        assert "below" not in shown(pilot)


async def test_values_outside_the_histogram_are_told() -> None:
    statistics = make.some_statistics(below=3, above=12)
    async with console(one_capture(make.a_capture_detail(statistics=statistics))) as pilot:
        await press(pilot, "2", "enter")
        assert "3" in lines_with(pilot, "below")[0]
        assert "12" in lines_with(pilot, "above")[0]


async def test_tab_goes_through_series_preview_and_facts_on_a_narrow_terminal() -> None:
    async with console(one_capture()) as pilot:
        await press(pilot, "2", "enter", "tab")
        assert "NDVI over time" in shown(pilot)
        assert "◆" in shown(pilot)
        assert "too cloudy" in lines_with(pilot, "× 2026-11-05")[0]
        assert "+3.600 a year (p = 0.04, 3 dates)" in shown(pilot)
        assert "NDVI histogram" not in shown(pilot)
        await press(pilot, "tab")
        assert "▀" in shown(pilot) or "█" in shown(pilot)
        await press(pilot, "tab")
        assert "Metadata" in shown(pilot)
        assert "30TYN" in lines_with(pilot, "Tile")[0]
        assert "EPSG:32630" in lines_with(pilot, "ndvi ")[0]
        await press(pilot, "tab")
        assert "NDVI histogram" in shown(pilot)


async def test_a_wide_terminal_shows_all_at_once() -> None:
    async with console(one_capture(), size=WIDE) as pilot:
        await press(pilot, "2", "enter")
        for part in ("NDVI histogram", "NDVI over time", "Preview", "Metadata", "file:///srv/backup/B08.tif"):
            assert part in shown(pilot), part


async def test_z_zooms_to_where_there_are_values_and_back() -> None:
    async with console(one_capture()) as pilot:
        await press(pilot, "2", "enter")
        whole = shown(pilot)
        assert " -1 " in whole
        await press(pilot, "z")
        assert " -1 " not in shown(pilot)
        await press(pilot, "z")
        assert shown(pilot) == whole


async def test_both_pictures_are_shown_where_there_is_room_and_v_puts_the_other_first() -> None:
    (rgb,) = make.a_capture_detail().previews
    ndvi = replace(rgb, kind="ndvi")
    async with console(one_capture(make.a_capture_detail(previews=(ndvi, rgb))), size=(110, 24)) as pilot:
        await press(pilot, "2", "enter", "tab", "tab")
        assert lines_with(pilot, "NDVI ")[-1].index("NDVI") < lines_with(pilot, "RGB")[-1].index("RGB")
        await press(pilot, "v")
        assert lines_with(pilot, "RGB")[-1].index("RGB") < lines_with(pilot, "NDVI")[-1].index("NDVI")


async def test_l_shows_the_series_of_the_next_location() -> None:
    detail = make.a_capture_detail()
    series = (*detail.series, replace(detail.series[0], location="Tagus delta", slope_per_year=None))
    async with console(one_capture(replace(detail, series=series))) as pilot:
        await press(pilot, "2", "enter", "tab")
        assert "Sandbox field; ◆" in shown(pilot)
        await press(pilot, "l")
        assert "Tagus delta; ◆" in shown(pilot)
        assert "no trend from 3 dates" in shown(pilot)


async def test_no_clear_pixels_is_told_as_an_outcome() -> None:
    row = make.a_capture(outcome="no_clear_pixels", ndvi_mean=None)
    statistics = make.some_statistics(
        valid=0, mean=None, std=None, min=None, max=None, p02=None, p50=None, p98=None, counts=(0,) * 200
    )
    async with console(one_capture(make.a_capture_detail(row, statistics=statistics))) as pilot:
        await press(pilot, "2", "enter")
        assert "Not one clear pixel: an outcome, not an error." in shown(pilot)
        assert "not one valid pixel: nothing to draw" in shown(pilot)
        assert "–" in lines_with(pilot, "mean")[0]


async def test_a_capture_without_an_artifact_opens_on_its_facts_with_failures_first() -> None:
    row = make.a_capture(outcome="failed", ndvi_mean=None)
    detail = make.a_capture_detail(
        row, statistics=None, previews=(), series=(), artifacts=(), failures=("[/b]download_bands: 503",)
    )
    async with console(one_capture(detail)) as pilot:
        await press(pilot, "2", "enter")
        assert "✗ [/b]download_bands: 503" in shown(pilot)
        assert "none yet: P processes the capture" in shown(pilot)
        await press(pilot, "tab")
        assert "no NDVI yet" in shown(pilot)
        await press(pilot, "tab")
        assert "no time series yet" in shown(pilot)
        await press(pilot, "tab")
        assert "no preview yet" in shown(pilot)


async def test_p_and_r_work_on_the_open_capture() -> None:
    fleet = one_capture()
    async with console(fleet) as pilot:
        await press(pilot, "2", "enter", "P")
        await until_shown(pilot, "process done")
        await press(pilot, "R", "y")
        assert fleet.calls == [("process", (7,), False), ("process", (7,), True)]


async def test_new_statistics_are_shown_by_themselves() -> None:
    fleet = one_capture()
    async with console(fleet) as pilot:
        await press(pilot, "2", "enter")
        fleet.capture_details[7] = make.a_capture_detail(statistics=make.some_statistics(mean=0.1234))
        await until_shown(pilot, "+0.1234")


async def test_a_capture_that_is_gone_is_told_and_the_last_stays() -> None:
    fleet = one_capture()
    async with console(fleet) as pilot:
        await press(pilot, "2", "enter")
        fleet.errors["capture"] = NotFoundError("capture 7 is not there any more")
        await until_shown(pilot, "capture 7 is not there any more")
        assert "+0.6120" in shown(pilot)


class _SlowFleet(ScriptedFleet):
    """Answers for a capture only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def capture(self, capture_id: int) -> CaptureDetail:
        await self.may_answer.wait()
        return await super().capture(capture_id)


async def test_a_slow_database_keeps_nobody_from_the_screen_nor_from_leaving_it() -> None:
    detail = make.a_capture_detail()
    fleet = _SlowFleet()
    fleet.capture_rows = [detail.row]
    fleet.capture_details = {detail.row.capture_id: detail}
    async with console(fleet) as pilot:
        await press(pilot, "2")
        await pilot.press("enter")
        await until_shown(pilot, f"Capture {detail.row.capture_id}…")
        await pilot.press("escape")
        await until_shown(pilot, "Sensed UTC")
        await pilot.press("enter")
        await until_shown(pilot, f"Capture {detail.row.capture_id}…")
        fleet.may_answer.set()
        await until_shown(pilot, "+0.6120")
