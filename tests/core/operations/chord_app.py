"""The foreign app with tasks that make every shape of a chord, as a worker starts it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task, chord, group

from tests.core.recorder.foreign_app import ForeignConfig, journal, make_app


def add_chord_tasks(app: Celery, directory: Path) -> None:
    """Add those tasks to an app."""

    def must_have(flag: str | None) -> None:
        if flag and not (directory / flag).exists():
            raise LookupError(f"no {flag} yet")

    @app.task(name="chords.give", shared=False)
    def give(value: Any, flag: str | None = None) -> Any:
        journal(directory, f"give {value}")
        must_have(flag)
        return value

    @app.task(name="chords.pickled", shared=False, serializer="pickle")
    def pickled(value: Any, flag: str | None = None) -> Any:
        journal(directory, f"pickled {value}")
        must_have(flag)
        return value

    @app.task(name="chords.early", shared=False, acks_late=False)
    def early(value: Any, flag: str) -> Any:
        journal(directory, f"early {value}")
        while not (directory / flag).exists():
            time.sleep(0.02)
        return value

    @app.task(name="chords.after", shared=False)
    def after(before: Any, value: Any, flag: str | None = None) -> Any:
        journal(directory, f"after {value}")
        must_have(flag)
        return [before, value]

    @app.task(name="chords.collect", shared=False)
    def collect(results: Any, label: str, flag: str | None = None) -> Any:
        journal(directory, f"collect {label} {json.dumps(results)}")
        must_have(flag)
        return results

    @app.task(name="chords.split", shared=False, bind=True)
    def split(self: Task[..., Any], values: list[Any], flag: str) -> Any:
        journal(directory, f"split {values}")
        return self.replace(group(give.s(value, flag) for value in values))

    @app.task(name="chords.split_chord", shared=False, bind=True)
    def split_chord(self: Task[..., Any], values: list[Any], label: str, flag: str) -> Any:
        journal(directory, f"split_chord {values}")
        return self.replace(chord([give.s(value, flag) for value in values], collect.s(label)))

    @app.task(name="chords.grow", shared=False, bind=True)
    def grow(self: Task[..., Any], value: Any, more: Any, flag: str | None, own: str | None = None) -> Any:
        journal(directory, f"grow {value}")
        self.add_to_chord(give.s(more, flag))
        must_have(own)
        return value


if "FOREIGN_BROKER" in os.environ:
    config = ForeignConfig.from_environment()
    app = make_app(config)
    add_chord_tasks(app, config.directory)
    app.conf.accept_content = ["json", "pickle"]
    if os.environ.get("CHORDS_UNORDERED"):
        app.conf.result_backend_transport_options = {"result_chord_ordered": False}
