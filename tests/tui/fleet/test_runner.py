from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import create_engine, text

from earthgazer_core import errors as core
from earthgazer_tui.fleet.errors import FleetError, NotFoundError, RefusedError, UnavailableError, UnsureError
from earthgazer_tui.fleet.live.runner import Runner


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner(2)
    yield runner
    runner.close()


def _raise(error: Exception) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (core.ServiceUnavailableError("away"), UnavailableError),
        (core.UnsureError("perhaps"), UnsureError),
        (core.NotFoundError("none"), NotFoundError),
        (core.RefusedError("no"), RefusedError),
        (core.InvalidInputError("wrong"), RefusedError),
        (ConnectionRefusedError("refused"), UnavailableError),
        (redis.exceptions.AuthenticationError("bad"), UnavailableError),
        (KeyError("bug"), FleetError),
    ],
)
async def test_foreign_errors_become_ours(runner: Runner, foreign: Exception, ours: type[FleetError]) -> None:
    with pytest.raises(FleetError) as caught:
        await runner.run(5, _raise(foreign))
    assert type(caught.value) is ours


async def test_messages_are_harmless_and_have_no_secrets(runner: Runner) -> None:
    with pytest.raises(FleetError) as caught:
        await runner.run(5, _raise(OSError("\x1b[2J can't reach redis://:hunter2@host/0\nmore")))
    assert str(caught.value) == "\\x1b[2J can't reach redis://***@host/0"


async def test_a_call_that_takes_too_long_is_given_up(runner: Runner) -> None:
    release = threading.Event()
    with pytest.raises(UnavailableError, match=r"no answer in 0\.05 s"):
        await runner.run(0.05, release.wait, 30)
    release.set()


async def test_a_deed_that_takes_too_long_may_be_done(runner: Runner) -> None:
    release, done = threading.Event(), threading.Event()

    def deed() -> None:
        release.wait(30)
        done.set()

    with pytest.raises(UnsureError, match="may be done; look before it is done again"):
        await runner.act(0.05, deed)
    release.set()
    assert done.wait(20)


async def test_a_deed_that_fails_is_no_doubt(runner: Runner) -> None:
    with pytest.raises(UnavailableError) as caught:
        await runner.act(20, _raise(core.ServiceUnavailableError("away")))
    assert not isinstance(caught.value, UnsureError)


async def test_a_database_that_is_away_is_unavailable(runner: Runner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        engine = create_engine(f"postgresql+psycopg2://u:hunter2@127.0.0.1:{taken.getsockname()[1]}/x")

        def query() -> None:
            with engine.connect() as connection:
                connection.execute(text("select 1"))

        with pytest.raises(UnavailableError) as caught:
            await runner.run(5, query)
        engine.dispose()
    assert "hunter2" not in str(caught.value)
