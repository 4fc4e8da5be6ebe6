"""Hostile text through every path by which foreign text enters, and the bytes that come out.

Run ``python -m tests.campaigns.hostile_text [--seconds N] [--seed S]``.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import zstandard

from earthgazer_core.cli.output import table
from earthgazer_core.cli.text import json_safe, printable
from earthgazer_core.recorder.masking import TextMask
from earthgazer_core.settings import RecorderSettings
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ServiceWatch
from earthgazer_tui.fleet.live.snapshot import Origin, SnapshotBuilder
from earthgazer_tui.fleet.live.tasks import failed_by_events, task_by_events
from earthgazer_tui.fleet.models import ServiceState
from earthgazer_tui.state.export import FORMULA_STARTS, as_csv, as_json
from tests.campaigns.corpus import HUGE, random_texts, violations
from tests.campaigns.hostile_fleet import events, fixed_texts, plant_messages, plant_rows, publish
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally, arguments
from tests.campaigns.walk import DIGITS, settle, shown_on, walk
from tests.product.terminal import Terminal

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("tasks", "list"), ("tasks", "show", "task_id-1"), ("queues",), ("queues", "peek", "hostile"),
    ("queues", "held", "hostile"), ("workers", "list"), ("captures", "list"), ("captures", "show", "3"),
    ("workflows", "list"), ("workflows", "show", "run_id-1"), ("schedule", "list"), ("history",),
    ("history", "--actions"), ("failures",), ("locations", "list"), ("artifacts", "list"),
    ("artifacts", "show", "3"), ("doctor",), ("doctor", "task_id-1"), ("queues", "paused"),
)  # fmt: skip
"""What of the command line reads."""
MOST_S = 2.0
"""A text of ten megabytes takes no longer through a sanitiser."""


def check_functions(tally: Tally, seed: int, seconds: float) -> None:
    """Put texts through everything that makes text harmless."""
    mask = TextMask(RecorderSettings().redact)
    deadline = time.monotonic() + seconds
    for number, text in enumerate(random_texts(seed)):
        if number >= len(fixed_texts()) and time.monotonic() > deadline:
            break
        for shown in (
            sanitise.line(text), sanitise.name(text), sanitise.url(text), sanitise.optional(text) or "",
            sanitise.text(text), printable(text),
            json_safe(json.dumps(text, ensure_ascii=False)), *table(["x"], [[text]]),
        ):  # fmt: skip
            found = violations(shown.encode(errors="surrogatepass"), lines="\n")
            tally.check(not found, f"a sanitiser let through {found[:2]} of {text[:80]!r}")
        once = sanitise.text(text)
        tally.check(sanitise.text(once) == once, f"twice is not once: {text[:80]!r}")
        mask(text)
        tally.did("texts")
    for text in (HUGE, "'token" * 1_500_000, "{'password': '" + "\x1b" * 10_000_000, "\u0301" * 5_000_000):
        began = time.monotonic()
        sanitise.line(text)
        sanitise.text(text)
        mask(text[:2_000_000])
        took_s = time.monotonic() - began
        tally.check(took_s < MOST_S * 3, f"{took_s:.1f} s for {len(text)} characters {text[:20]!r}")
        tally.did("texts of ten megabytes")


def check_events(tally: Tally, texts: Sequence[str]) -> None:
    """Fold hostile events and look at everything that a snapshot then says."""
    names = Names()
    state = EventsState(names)
    seen = Observations(ServiceWatch("x", ServiceState.UP), ServiceWatch("x", ServiceState.UP))
    with state.lock:
        state.fold([json.loads(json.dumps(event)) for event in events(texts)])
    builder = SnapshotBuilder(Origin("foreign", False, False), state, seen, names, lambda: "")
    tables: list[Any] = [builder.build(), failed_by_events(state, seen)]
    tables += [task_by_events(state, seen, task_id) for task_id in list(state.tasks)]
    for where in tables:
        for text in texts_in(where):
            found = violations(text.encode(errors="surrogatepass"), lines="\n")
            tally.check(not found, f"a model holds {found[:2]}")
    rows = list(failed_by_events(state, seen))
    check_exports(tally, rows)
    tally.did("events", state.events)


def check_exports(tally: Tally, rows: Sequence[object]) -> None:
    """Look at both kinds of export for formulas and bytes that steer."""
    document, sheet = as_json(rows), as_csv(rows)
    json.loads(document)
    for cells in csv.reader(io.StringIO(sheet)):
        for cell in cells:
            tally.check(not cell.startswith(FORMULA_STARTS), f"a spreadsheet runs {cell[:80]!r}")
    for text in (document, sheet):
        found = violations(text.encode(errors="surrogatepass"), lines="\r\n")
        tally.check(not found, f"an export holds {found[:2]}")


def check_console(
    tally: Tally, services: CampaignServices, texts: Sequence[str], *options: str,
    with_database: bool = True, digits: str = DIGITS,
) -> bytes:  # fmt: skip
    """Walk through all screens in a terminal while events come in; return the bytes that it got."""
    name = "console " + (" ".join(options) or ("with history" if with_database else "of a foreign fleet"))
    env = services.env(with_database=with_database)
    with Terminal(
        services.console(*options), columns=160, lines=50, env=env, cwd=services.directory
    ) as terminal:
        terminal.wait_for("1 Overview", timeout_s=60)
        settle(terminal)
        if not options:
            publish(services.client, list(events(texts)))
        seen = walk(terminal, digits)
        for screen, text in seen.items():
            tally.check("Traceback" not in text.split("\n")[0], f"{name}, screen {screen}: {text[:300]}")
        tally.check(terminal.exit_code() is None, f"{name} ended:\n{shown_on(terminal)[-2000:]}")
        found = violations(bytes(terminal.received))
        tally.check(not found, f"{name}: {found[:5]}")
        for digit in "36":
            terminal.press(digit, "down", "y")
            settle(terminal, 0.15, 1.0)
        found = violations(bytes(terminal.received), is_copying=True)
        tally.check(not found, f"{name}, copying: {found[:5]}")
        if terminal.exit_code() is None:
            terminal.press("ctrl+c")
        code = terminal.wait_exit()
        tally.check(code == 0, f"{name} ended with {code}:\n{shown_on(terminal)[-3000:]}")
        tally.did("screens walked", len(seen))
        tally.did("bytes of terminal output", len(terminal.received))
        tally.say(f"{name}: {len(seen)} screens, {len(terminal.received):,} bytes")
        return bytes(terminal.received)


def check_command_line(
    tally: Tally, services: CampaignServices, commands: Sequence[tuple[str, ...]] = COMMANDS
) -> bytes:
    """Run what reads, for people and as JSON; return everything that it printed."""
    printed = b""
    for words in commands:
        for options in ((), ("--json",)):
            done = subprocess.run(
                services.command(*words, *options), env=services.env(), cwd=services.directory,
                capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            what = " ".join((*words, *options))
            output = done.stdout + done.stderr
            printed += output
            tally.check(
                b"Traceback" not in output,
                f"earthgazer {what} crashed: {output[-900:].decode(errors='replace')}",
            )
            found = violations(output, lines="\n")
            tally.check(not found, f"earthgazer {what}: {found[:4]}")
            if options and done.returncode == 0:
                try:
                    json.loads(done.stdout)
                except ValueError as error:
                    tally.fault(f"earthgazer {what} printed no JSON: {error}")
            tally.did("commands run")
    return printed


def check_recording(tally: Tally, services: CampaignServices, texts: Sequence[str]) -> tuple[bytes, Path]:
    """Record hostile events; return what the recording holds, and its path."""
    path = services.directory / "hostile.egr"
    with subprocess.Popen(
        services.command("record", str(path), "--for", "4s", "--json"), env=services.env(),
        cwd=services.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recorder:  # fmt: skip
        deadline = time.monotonic() + 30
        client = services.client
        while not client.pubsub_numpat() and time.monotonic() < deadline:
            time.sleep(0.05)
        publish(client, list(events(texts)))
        out, err = recorder.communicate(timeout=60)
    tally.check(
        recorder.returncode == 0, f"earthgazer record ended with {recorder.returncode}: {err[-900:]!r}"
    )
    tally.check(not violations(out + err, lines="\n"), f"earthgazer record: {violations(out + err)[:3]}")
    if recorder.returncode == 0:
        told = orjson.loads(out)
        tally.check(told["events"] >= len(texts) and not told["unread"], f"recorded {told}")
    held = b""
    for segment in sorted(services.directory.glob("hostile.*.egr*")):
        tally.check(segment.stat().st_mode & 0o077 == 0, f"others can read {segment.name}")
        with (
            segment.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader,
        ):
            held += reader.read()
    return held, path


def texts_in(value: object) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from texts_in(item)


def campaign(tally: Tally, seed: int, seconds: float) -> None:
    """Do all of it."""
    check_functions(tally, seed, seconds / 2)
    tally.say("sanitisers held")
    drawn = list(islice(random_texts(seed + 1), 60))
    check_events(tally, [*fixed_texts(), *drawn])
    tally.say("events folded")
    with campaign_services() as services:
        texts = fixed_texts(with_long=False) + drawn[:20]
        tally.did("rows planted", plant_rows(services.database, texts))
        tally.did("messages and keys planted", plant_messages(services.client, texts))
        held, recording = check_recording(tally, services, texts)
        tally.did("bytes of recording", len(held))
        check_command_line(tally, services)
        tally.say("command line done")
        check_console(tally, services, texts)
        check_console(tally, services, texts, with_database=False)
        check_console(tally, services, texts, "--replay", str(recording))
        logs = b"".join(path.read_bytes() for path in (services.directory / "home").rglob("*.log*"))
        found = violations(logs, lines="\n")
        tally.check(not found, f"the log holds {found[:4]}")
        for line in logs.decode(errors="replace").splitlines():
            if "unforeseen" in line:
                tally.fault(f"console.log: {line[:400]}")


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Hostile text everywhere.", 30.0)
    tally = Tally(f"hostile text, seed {wanted.seed}")
    campaign(tally, wanted.seed, wanted.seconds)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
