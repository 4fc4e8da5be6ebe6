from __future__ import annotations

from earthgazer_tui.fleet.models import Preview
from earthgazer_tui.widgets.preview import draw_preview, fitted_size, resampled

RED, GREEN, CLEAR = (240, 0, 0, 255), (0, 240, 0, 255), (9, 9, 9, 0)


def make_preview(*rows: tuple[tuple[int, int, int, int], ...]) -> Preview:
    pixels = bytes(value for row in rows for pixel in row for value in pixel)
    return Preview(kind="ndvi", width=len(rows[0]), height=len(rows), rgba=pixels)


def styles_of(preview: Preview, width: int, height: int) -> list[str]:
    return [str(span.style) for span in draw_preview(preview, width, height).spans]


def test_two_pixels_make_a_cell() -> None:
    preview = make_preview((RED, RED), (GREEN, GREEN))

    assert draw_preview(preview, 2, 1).plain == "▀▀"
    assert styles_of(preview, 2, 1) == ["#f00000 on #00f000"]


def test_no_data_has_a_pattern_and_a_background_of_its_own() -> None:
    preview = make_preview((CLEAR, RED, CLEAR), (CLEAR, CLEAR, GREEN))

    assert draw_preview(preview, 3, 1).plain == "░▀▀"
    nodata = styles_of(preview, 3, 1)[0].rpartition(" on ")[2]
    assert styles_of(preview, 3, 1)[1:] == [f"#f00000 on {nodata}", f"{nodata} on #00f000"]


def test_what_is_half_transparent_is_averaged_over_the_opaque_pixels_only() -> None:
    picture = resampled(make_preview((RED, CLEAR), (GREEN, CLEAR)), 1, 1)

    assert picture == [[(120, 120, 0)]]


def test_what_is_mostly_transparent_is_no_data() -> None:
    assert resampled(make_preview((RED, CLEAR), (CLEAR, CLEAR)), 1, 1) == [[None]]


def test_the_aspect_is_kept_and_the_room_never_left() -> None:
    for width, height in ((100, 50), (50, 100), (64, 64), (7, 3), (1, 300)):
        preview = Preview("rgb", width, height, bytes(4 * width * height))
        columns, rows = fitted_size(preview, 40, 12)
        assert 1 <= columns <= 40
        assert 2 <= rows <= 24
        assert rows % 2 == 0
    assert fitted_size(Preview("rgb", 100, 50, b""), 40, 20) == (40, 20)


def test_a_small_picture_is_enlarged_by_whole_pixels() -> None:
    assert fitted_size(Preview("rgb", 10, 10, b""), 80, 24) == (40, 40)


def test_a_damaged_preview_is_told_not_drawn() -> None:
    assert draw_preview(Preview("ndvi", 4, 4, b"123"), 20, 10).plain == "the stored preview is damaged"
    assert draw_preview(Preview("ndvi", 0, 0, b""), 20, 10).plain == "the stored preview is empty"
