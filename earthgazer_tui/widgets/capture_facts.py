"""What is known of a capture, in words: metadata, files, artifacts, failures, statistics."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from earthgazer_tui.fleet.models import CaptureDetail, IndexStatistics, TimeSeries
from earthgazer_tui.widgets.series_plot import describe_trend, gap_lines
from earthgazer_tui.widgets.stage_bar import stage_bar
from earthgazer_tui.wording import mission_name, percent, size, utc

NO_CLEAR_PIXELS = "Not one clear pixel: an outcome, not an error."
"""What the outcome ``no_clear_pixels`` says to people."""


def heading(text: str, note: str = "") -> Content:
    """Return the heading of a part."""
    return Content.assemble((text, "bold $primary"), ("  " if note else "", ""), (note, "$text-muted"))


def title(detail: CaptureDetail) -> Content:
    """Return the line on top of a capture."""
    row = detail.row
    parts: list[Content | str | tuple[str, str]] = [
        (f"Capture {row.capture_id}", "bold"),
        f"  {mission_name(row.mission)}  {utc(row.sensing_time)} UTC  ",
        (", ".join(row.locations), "$accent"),
        "  ",
        stage_bar(row.stages),
    ]
    if row.activity:
        parts.append((f"  {row.activity}", "$warning"))
    elif row.outcome == "no_clear_pixels":
        parts.append(("  no clear pixel", "$warning"))
    elif row.outcome == "failed":
        parts.append(("  failed", "bold $error"))
    return Content.assemble(*parts)


def facts(detail: CaptureDetail) -> Content:
    """Return failures, outcome, metadata, artifacts and files, a fact a line."""
    return Content("\n").join(_facts(detail))


def _facts(detail: CaptureDetail) -> Iterator[Content]:
    row = detail.row
    if detail.failures:
        yield Content.styled(f"Failures ({len(detail.failures)})  5 lists them all", "bold $error")
        for failure in detail.failures:
            yield Content.assemble(("  ✗ ", "bold $error"), failure)
        yield Content("")
    if row.outcome == "no_clear_pixels":
        yield Content.styled(NO_CLEAR_PIXELS, "$warning")
        yield Content("")
    if row.is_simulated:
        yield Content.styled("Simulated: pixels or georeference were made up for demonstration.", "$warning")
        yield Content("")
    yield heading("Metadata")
    metadata = (
        ("Product", row.product_id),
        ("Cloud cover", percent(row.cloud_cover_percent)),
        *detail.metadata,
    )
    width = max(len(name) for name, _ in metadata) + 2
    for name, value in metadata:
        yield Content.assemble((f"  {name:<{width}}", "$text-muted"), value)
    yield Content("")
    yield heading(f"Artifacts ({len(detail.artifacts)})")
    for artifact in detail.artifacts:
        height, width = artifact.shape
        outcome = "" if artifact.outcome == "ok" else f"  {artifact.outcome.replace('_', ' ')}"
        yield Content.assemble(
            (f"  {artifact.kind:<9}", "bold"),
            f"{width}×{height}  {size(artifact.size_bytes):>9}  {artifact.crs or 'no CRS'}  ",
            (utc(artifact.created_at), "$text-muted"),
            (outcome, "$warning"),
        )
        yield Content.styled(f"    {artifact.uri}", "$text-muted")
    if not detail.artifacts:
        yield Content.styled("  none yet: P processes the capture", "$text-muted")
    yield Content("")
    yield heading(f"Bands ({len(detail.assets)})", "✓ a verified copy is kept")
    for asset in detail.assets:
        sign = ("✓", "$success") if asset.is_backed_up else ("·", "$text-disabled")
        yield Content.assemble("  ", sign, (f" {asset.band:<8}", "bold"), f"{size(asset.size_bytes):>9}")
        yield Content.styled(f"    {asset.href}", "$text-muted")
    if not detail.assets:
        yield Content.styled("  none known", "$text-muted")


def statistics_lines(statistics: IndexStatistics) -> Content:
    """Return the statistics of an index, a value a line, in at most 22 cells."""
    share = 100 * statistics.valid / statistics.total if statistics.total else None
    lines = [
        ("valid", percent(share)),
        ("pixels", f"{statistics.valid:,}".replace(",", " ")),
        ("of", f"{statistics.total:,}".replace(",", " ")),
        ("mean", _value(statistics.mean)),
        ("std", _value(statistics.std)),
        ("min", _value(statistics.min)),
        ("p02", _value(statistics.p02)),
        ("p50", _value(statistics.p50)),
        ("p98", _value(statistics.p98)),
        ("max", _value(statistics.max)),
    ]
    content = Content("\n").join(
        Content.assemble((f"{name:<7}", "$text-muted"), (f"{value:>13}", "bold" if name == "mean" else ""))
        for name, value in lines
    )
    outside = [
        (f"\n{word:<7}", f"{count:>13}")
        for word, count in (("below", statistics.below), ("above", statistics.above))
        if count
    ]
    for word, count in outside:
        content += Content.assemble((word, "$warning"), (count, "$warning"))
    return content


def series_note(series: TimeSeries, room: int) -> Content:
    """Return trend and gaps of a series in at most ``room`` lines."""
    gaps = gap_lines(series)
    shown, hidden = (gaps, 0) if len(gaps) < room else (gaps[-(room - 2) :] if room > 2 else [], len(gaps))
    lines = [Content.assemble(("··· trend ", "$warning"), describe_trend(series))]
    if hidden and hidden != len(shown):
        lines.append(Content.styled(f"× {hidden} gaps, the newest:", "$error"))
    lines += [Content.assemble(("× ", "$error"), (gap, "$text-muted")) for gap in shown]
    return Content("\n").join(lines[:room])


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
