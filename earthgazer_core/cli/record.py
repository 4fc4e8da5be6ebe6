"""``earthgazer record``: what a fleet does, kept in files, without a console."""

from __future__ import annotations

import re
import signal
import threading
from dataclasses import asdict
from pathlib import Path

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.moments import span
from earthgazer_core.cli.output import emit, json_option, note
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.tls import verified

_SIZE = re.compile(r"(\d{1,9})([kMGT]?)B?")
_SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--broker", metavar="URL", help="The fleet's broker, instead of the configured one.")
@click.option("--for", "duration", metavar="SPAN", help="End after 30s, 10m, 8h or 2d.")
@click.option("--segment", default="15m", show_default=True, metavar="SPAN", help="When a new file begins.")
@click.option("--keep", default="7d", show_default=True, metavar="SPAN", help="Remove files older than that.")
@click.option(
    "--keep-size",
    default="2G",
    show_default=True,
    metavar="SIZE",
    help="Remove the oldest beyond that.",
)
@click.option("--enable-events", is_flag=True, help="Ask the workers to send task events; they forget it.")
@json_option
@click.pass_obj
def record(
    context: CliContext,
    recording: Path,
    broker: str | None,
    duration: str | None,
    segment: str,
    keep: str,
    keep_size: str,
    enable_events: bool,
    as_json: bool,
) -> None:
    """Record events, queues and workers until Ctrl-C, for `earthgazer-tui --replay FILE`.

    FILE is a name: night.egr becomes night.000001.egr, night.000002.egr and so on, for their owner alone.
    Values of arguments on the redaction list are masked.
    """
    from celery import Celery

    from earthgazer_core.operations.mailbox import Mailbox
    from earthgazer_core.operations.workers import enable_events as ask_for_events
    from earthgazer_core.recorder.masking import TextMask
    from earthgazer_core.recording.capture import Capture, Recorded
    from earthgazer_core.recording.writer import Limits, RecordingWriter

    limits = Limits(
        segment_s=span(segment, "--segment").total_seconds(),
        total_s=span(keep, "--keep").total_seconds(),
        total_bytes=_bytes(keep_size, "--keep-size"),
    )
    limit_s = None if duration is None else span(duration, "--for").total_seconds()
    app: Celery = (
        context.app
        if broker is None
        else Celery("earthgazer-record", broker=verified(broker), set_as_current=False)
    )

    def tell(recorded: Recorded) -> None:
        note(f"{recorded.events} events, {recorded.looks} looks → {writer.segment.name}")

    mask = TextMask(context.settings.recorder.redact)
    with RecordingWriter(recording, app.connection_for_read().as_uri(), limits) as writer:
        if enable_events:
            mailbox = Mailbox(app)
            try:
                answers = ask_for_events(mailbox)
            finally:
                mailbox.close()
            note(f"{len(answers.answers)} workers send task events")
        capture = Capture(app, writer, mask, on_progress=tell)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: capture.stop())
        timer = threading.Timer(limit_s or 0.0, capture.stop)
        timer.daemon = True
        if limit_s is not None:
            timer.start()
        note(f"recording {app.connection_for_read().as_uri()} to {writer.segment}; Ctrl-C ends it")
        recorded = capture.run()
        timer.cancel()
        last = writer.segment
    emit(
        {**asdict(recorded), "last_segment": str(last)},
        as_json,
        [
            f"{recorded.events} events and {recorded.looks} looks recorded; the broker went away"
            f" {recorded.outages} times, {recorded.unread} messages could not be read",
            f"earthgazer-tui --replay {recording}",
        ],
    )


def _bytes(text: str, option: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None or not int(found[1]):
        raise InvalidInputError(f"{option} {text!r}: expected 500M or 2G")
    return int(found[1]) * _SIZES[found[2]]
