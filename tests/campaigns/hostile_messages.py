"""Messages that nobody should have sent, on every way that takes one in: counted, told, never fatal, never run.

Run ``python -m tests.campaigns.hostile_messages [--seconds N] [--seed S]``.
"""

# ruff: noqa: E501, ASYNC110 - tables of attacks read best on one line each
from __future__ import annotations

import asyncio
import base64
import json
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from pydantic import SecretStr

from earthgazer_core.celery_app import make_app
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations import doctor
from earthgazer_core.operations.arguments import Sources, find_arguments
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.gather import gather
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.move import move, move_all
from earthgazer_core.operations.queues.peek import find, held, peek
from earthgazer_core.operations.queues.purge import preview_purge
from earthgazer_core.operations.queues.remove import remove
from earthgazer_core.operations.reconcile import reconcile
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.stored_result import read_result
from earthgazer_core.operations.workers import report_of
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from tests.campaigns.corpus import violations
from tests.campaigns.hostile_fleet import envelope
from tests.campaigns.hostile_text import texts_in
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally, arguments

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1e308, "", "x", "nan", "1970-01-01T00:00:00", "2100-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", [], [[]], {}, {"a": {"b": []}}, "\ud800", "\x1b[7357m",
    [None] * 50, {"": None},
)  # fmt: skip
"""Values that stand where they don't belong."""
HEADERS = (
    "id", "task", "argsrepr", "kwargsrepr", "eta", "expires", "retries", "root_id", "parent_id", "group", "lang",
    "origin", "compression", "redelivered", "timelimit", "stamps", "is_redacted", "shadow", "attempt", "run_id",
)  # fmt: skip
PROPERTIES = ("delivery_info", "body_encoding", "delivery_tag", "priority", "correlation_id", "reply_to")
EVENT_FIELDS = (
    "type", "uuid", "hostname", "timestamp", "pid", "name", "args", "kwargs", "result", "exception", "traceback",
    "retries", "queue", "eta", "root_id", "parent_id", "runtime", "freq", "active", "processed", "loadavg", "utcoffset",
)  # fmt: skip
KINDS = (
    "task-sent", "task-received", "task-started", "task-succeeded", "task-failed", "task-retried", "task-revoked",
    "task-rejected", "worker-online", "worker-heartbeat", "worker-offline", "task-unheard-of",
)  # fmt: skip
DEEP = "[" * 20_000 + "]" * 20_000
NESTED = "[" * 900 + "]" * 900


class Bomb:
    """Makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (open, (str(self._path), "w"))

    @property
    def pickled(self) -> bytes:
        """It as pickle."""
        return pickle.dumps(self)

    @property
    def yaml(self) -> bytes:
        """It as YAML."""
        return f"!!python/object/apply:builtins.open ['{self._path}', 'w']\n".encode()


def messages(bomb: Bomb, dice: random.Random, many: int) -> Iterator[bytes]:
    """Yield messages as a queue of Redis may hold them."""
    good = {"id": "good", "task": "far.add", "argsrepr": "()", "kwargsrepr": "{}"}
    call = [[1], {}, {}]
    for kind, body in (("application/x-python-serialize", bomb.pickled), ("application/x-yaml", bomb.yaml)):
        message = json.loads(envelope({**good, "id": kind}, call, content_type=kind))
        message["body"] = base64.b64encode(body).decode()
        yield json.dumps(message).encode()
        # The same, in disguise.
        yield json.dumps({**message, "content-type": "application/json"}).encode()
        yield body
    for odd in (
        "application/x-msgpack",
        "text/plain",
        "application/\x1b[7357m",
        "",
        None,
        7,
        ["application/json"],
    ):
        yield envelope(good, call, content_type=odd)
    yield from (
        b"",
        b"\xff\xfe\x00",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        DEEP.encode(),
        b"{" * 5000,
        b"\x80\x04.",
    )
    yield envelope(good, call).replace(b'"body": "', b'"body": "!!!not base64')
    yield b'{"body": ' + DEEP.encode() + b', "headers": {}, "properties": {}}'
    yield (
        b'{"body": "[]", "headers": '
        + NESTED.encode()
        + b', "properties": {}, "content-type": "application/json"}'
    )
    yield envelope({**good, "x" * 1_000_000: "y" * 1_000_000}, call)
    yield envelope({**good, **{f"h{number}": number for number in range(20_000)}}, call)
    yield envelope({**good, "compression": "application/x-gzip"}, call)
    yield envelope(good, [call] * 3)
    for value in ODD:
        yield envelope(value, value)
        yield json.dumps(
            {"body": value, "headers": value, "properties": value, "content-type": "application/json"}
        ).encode()
        for name in HEADERS:
            yield envelope({**good, name: value}, call)
        for name in PROPERTIES:
            yield envelope(good, call, **{name: value})
        yield envelope(
            good, [[1], {}, {"chain": value, "chord": value, "callbacks": value, "errbacks": value}]
        )
        yield envelope(good, [value, value, value])
    whole = envelope(good, call)
    for _ in range(many):
        torn = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            torn[dice.randrange(len(torn))] = dice.randrange(256)
        yield bytes(torn[: dice.choice((len(torn), dice.randrange(len(torn))))])


def published(bomb: Bomb, dice: random.Random, many: int) -> Iterator[bytes]:
    """Yield what may come over the event channel."""
    for kind, body in (("application/x-python-serialize", bomb.pickled), ("application/x-yaml", bomb.yaml)):
        yield _event_message(base64.b64encode(body).decode(), kind)
        yield body
    yield from (b"", b"{}", b"[]", b"null", b"\xff", DEEP.encode())
    yield _event_message("!!!", "application/json")
    yield _event_message(base64.b64encode(DEEP.encode()).decode(), "application/json")
    now = time.time()
    good: dict[str, Any] = {
        "uuid": "u",
        "hostname": "w@h",
        "timestamp": now,
        "pid": 1,
        "name": "n",
        "queue": "q",
    }
    for kind in KINDS:
        for name in EVENT_FIELDS:
            for value in (*ODD, 4_102_444_800.0, 0, 1.5e308, json.loads(NESTED)):
                event = {**good, "uuid": f"{kind}-{name}", "type": kind, name: value}
                yield _event_message(
                    base64.b64encode(json.dumps([event]).encode()).decode(), "application/json"
                )
    # Queues named like keys that are none.
    for queue in ("unacked", "unacked_index", "_kombu.binding.hostile", "celery-task-meta-r"):
        event = {**good, "type": "task-sent", "queue": queue}
        yield _event_message(base64.b64encode(json.dumps([event]).encode()).decode(), "application/json")
    # Names that look the same once they are harmless.
    for name in ("twin\x1b", "twin\\x1b"):
        for twin in ({"type": "task-sent", "queue": name}, {"type": "worker-heartbeat", "hostname": name}):
            event = {**good, "freq": 2.0, **twin}
            yield _event_message(base64.b64encode(json.dumps([event]).encode()).decode(), "application/json")
    whole = _event_message(
        base64.b64encode(json.dumps([{**good, "type": "task-sent"}]).encode()).decode(), "application/json"
    )
    for _ in range(many):
        torn = bytearray(whole)
        torn[dice.randrange(len(torn))] = dice.randrange(256)
        yield bytes(torn)


def _event_message(body: str, content_type: str) -> bytes:
    return json.dumps(
        {
            "body": body, "content-encoding": "utf-8", "content-type": content_type, "headers": {},
            "properties": {"body_encoding": "base64"},
        }
    ).encode()  # fmt: skip


def attempt(tally: Tally, what: str, call: Callable[..., Any]) -> Any:
    """Do something; what the product raises must be an error of its own."""
    tally.did(what)
    try:
        return call()
    except (EarthGazerError, FleetError) as error:
        found = violations(str(error).encode(errors="replace"), lines="\r\n\t")
        if "unforeseen" in str(error):
            tally.fault(f"{what}: {error}")
        return found and None
    except Exception as error:  # noqa: BLE001 - this is what a campaign looks for
        tally.fault(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        return None


def check_queues(tally: Tally, app: Celery, client: redis.Redis, raws: Sequence[bytes]) -> None:
    """Look into queues that hold them, search, move and remove."""
    client.sadd(
        "_kombu.binding.hostile",
        "hostile\x06\x16\x06\x16hostile",
        "other\x06\x16\x06\x16other",
        "broken",
        b"\xff",
    )
    client.set("_kombu.binding.no-set", "x")
    client.delete("hostile", "unacked", "unacked_index")
    client.rpush("hostile", *raws)
    for number, raw in enumerate(raws[:400]):
        client.hset(
            "unacked", f"t{number}", raw if number % 2 else b"[" + (raw or b"0") + b', "", "hostile"]'
        )
        client.zadd("unacked_index", {f"t{number}": time.time() - number})
    for number, odd in enumerate(
        (b"7", b"null", b"{}", b"[1,2,3]", b"[{}, [], {}]", b"[{}, {}, []]", DEEP.encode())
    ):
        client.hset("unacked", f"o{number}", odd)
        client.zadd("unacked_index", {f"o{number}": float(number)})
    with closing(RedisBroker(app)) as broker:
        names = attempt(tally, "queue names", lambda: broker.queue_names(["unacked", "hostile"]))
        snapshot = attempt(tally, "looks at depths", lambda: broker.snapshot(names or ["hostile"]))
        if snapshot is not None:
            depth = next((one.depth for one in snapshot.queues if one.name == "hostile"), None)
            tally.check(depth == client.llen("hostile"), f"depth {depth}, not {client.llen('hostile')}")
        attempt(tally, "peeks", lambda: broker.peek("hostile", 10_000))
        attempt(tally, "searches", lambda: list(broker.messages(["hostile"])))
    with closing(lever_broker(app)) as lever:
        for start in range(0, len(raws), 100):
            found = attempt(tally, "looks at messages", lambda at=start: peek(lever, "hostile", 100, at))
            tally.check(found, f"nothing of messages {start} to {start + 100} can be looked at")
        for identity in ("good", "t", "\x1b", ""):
            attempt(tally, "searches", lambda one=identity: find(lever, "hostile", one))
        attempt(tally, "looks at held ones", lambda: held(lever, "hostile"))
        attempt(tally, "purges planned", lambda: preview_purge(lever, "hostile"))
        attempt(tally, "arguments looked for", lambda: find_arguments("good", Sources(broker=lever, app=app)))
        some = attempt(tally, "looks at messages", lambda: peek(lever, "hostile", 300)) or ()
        before = client.llen("hostile") + client.llen("other")
        attempt(tally, "moves", lambda: move(lever, some[:150], to_queue="other"))
        attempt(tally, "moves", lambda: move_all(lever, "hostile", to_queue="other"))
        after = client.llen("hostile") + client.llen("other")
        tally.check(after == before, f"{before} messages before a move, {after} after")
        rest = attempt(tally, "looks at messages", lambda: peek(lever, "hostile", 10_000)) or ()
        attempt(tally, "removals", lambda: remove(lever, rest))


def check_doctor(tally: Tally, app: Celery) -> None:
    """Ask Doctor, who has to tell of what can't be read."""
    with closing(RedisBroker(app)) as broker, closing(Mailbox(app)) as mailbox:
        access = doctor.FleetAccess(app=app, mailbox=mailbox, broker=broker, patience_s=0.3, unread_events=3)
        seen = attempt(tally, "looks of Doctor", lambda: gather(access))
        if seen is None:
            return
        tally.check(not seen.broker_problem, f"Doctor could not look: {seen.broker_problem}")
        found = [
            one
            for check in doctor.CHECKS
            for one in attempt(tally, "checks of Doctor", lambda c=check: list(c.examine(seen))) or ()
        ]
        told = [one.subject for one in found if one.check == "message-unreadable"]
        tally.check("queue hostile" in told or "queue other" in told, f"Doctor tells of {told}")
        tally.check("events" in told, f"Doctor tells of {told}")
        for one in ("good", "\x1b"):
            attempt(tally, "explanations", lambda task_id=one: doctor.explain_task(task_id, access))


def check_results(tally: Tally, app: Celery, client: redis.Redis, bomb: Bomb, raws: Sequence[bytes]) -> None:
    """Read results that are none."""
    for raw in (bomb.pickled, bomb.yaml, DEEP.encode(), NESTED.encode(), *raws[:200]):
        client.set("celery-task-meta-r", raw)
        attempt(tally, "results read", lambda: read_result(app, "r"))
    for value in ODD:
        for name in (
            "status",
            "result",
            "traceback",
            "args",
            "kwargs",
            "date_done",
            "retries",
            "name",
            "worker",
        ):
            client.set("celery-task-meta-r", json.dumps({"status": "FAILURE", "result": {}, name: value}))
            attempt(
                tally,
                "results read",
                lambda: (read_result(app, "r"), getattr(read_result(app, "r"), "error_message", 0)),
            )
        client.set(
            "celery-task-meta-r",
            json.dumps({"status": "FAILURE", "result": {"exc_type": value, "exc_message": value}}),
        )
        attempt(tally, "results read", lambda: getattr(read_result(app, "r"), "error_message", 0))


def check_answers(tally: Tally, app: Celery, client: redis.Redis, bomb: Bomb) -> None:
    """Answer for workers with what no worker says."""
    for value in ODD:
        for part in ("stats", "active", "active_queues", "reserved", "scheduled"):
            attempt(tally, "workers' answers", lambda p=part, v=value: report_of("w@h", {p: v}))
            attempt(tally, "workers' answers", lambda p=part, v=value: report_of("w@h", {p: [v]}))
        for name in ("pool", "autoscaler", "rusage", "total", "pid", "uptime", "prefetch_count"):
            attempt(tally, "workers' answers", lambda n=name, v=value: report_of("w@h", {"stats": {n: v}}))
        for name in ("processes", "max-concurrency", "implementation"):
            attempt(
                tally,
                "workers' answers",
                lambda n=name, v=value: report_of("w@h", {"stats": {"pool": {n: v}}}),
            )
        attempt(
            tally,
            "workers' answers",
            lambda v=value: report_of(
                "w@h", {"stats": {"total": {"x": v}, "rusage": {"maxrss": v}, "autoscaler": {"min": v}}}
            ),
        )
        attempt(
            tally,
            "workers' answers",
            lambda v=value: report_of(
                "w@h", {"active": [{"id": v, "time_start": v, "args": v, "worker_pid": v}]}
            ),
        )
    with closing(Mailbox(app)) as mailbox:
        attempt(tally, "questions", lambda: mailbox.ask("ping", timeout_s=0.1))
        key = f"{mailbox._oid}.reply.celery.pidbox"
        for raw in (
            bomb.pickled,
            b"{}",
            b"null",
            envelope({}, [1]),
            envelope(None, 1),
            envelope({}, {}, content_type="application/x-python-serialize"),
        ):
            client.lpush(key, raw)
        answers = attempt(tally, "questions", lambda: mailbox.ask("ping", timeout_s=0.3))
        tally.check(answers is not None, "an odd answer looks like an outage")


def check_nothing_given_back(tally: Tally, app: Celery, client: redis.Redis) -> None:
    """Ask workers while one has held a message for hours: who only asks gives back nothing."""
    client.delete("unacked", "unacked_index", "held")
    raw = envelope({"id": "long", "task": "far.long"}, [[], {}, {}])
    client.hset("unacked", "long", b"[" + raw + b', "", "held"]')
    client.zadd("unacked_index", {"long": time.time() - 40_000})
    with closing(Mailbox(app)) as mailbox:
        for _ in range(12):
            mailbox.ask("ping", timeout_s=0.05)
    tally.check(
        client.hexists("unacked", "long") and not client.llen("held"),
        "a question gave back what a worker holds",
    )


def check_history(tally: Tally, services: CampaignServices, app: Celery, bomb: Bomb) -> None:
    """Retry and reconcile what the flight recorder keeps of such messages."""
    from sqlalchemy import text

    with services.database.session() as session:
        for number, (kind, body) in enumerate(
            (
                ("application/x-python-serialize", bomb.pickled),
                ("application/x-yaml", bomb.yaml),
                ("application/json", bomb.pickled),
                ("application/json", b"[1,2"),
            )
        ):
            for state in ("FAILURE", "PENDING"):
                values = {
                    "id": f"{state}-{number}", "state": state, "kind": kind, "body": body, "at": datetime(2026, 1, 1, tzinfo=UTC),
                    "headers": json.dumps({"id": f"{state}-{number}", "task": "far.add"}),
                }  # fmt: skip
                session.execute(
                    text(
                        "insert into earthgazer.task_executions (task_id, name, state, queue, sent_at, updated_at) values (:id, 'far.add', :state, 'hostile', :at, :at)"
                    ),
                    values,
                )
                session.execute(
                    text(
                        "insert into earthgazer.task_messages (task_id, headers, properties, content_type, content_encoding, body, published_at) values (:id, cast(:headers as jsonb), '{\"routing_key\": \"hostile\"}', :kind, 'binary', :body, :at)"
                    ),
                    values,
                )
    retrier = Retrier(services.database, app)
    ids = [f"FAILURE-{number}" for number in range(4)]
    attempt(tally, "retries planned", lambda: retrier.plan(ids))
    for task_id in ids:
        attempt(tally, "retries", lambda one=task_id: retrier.retry(one))
        attempt(
            tally,
            "arguments looked for",
            lambda one=task_id: find_arguments(one, Sources(database=services.database)),
        )
    with closing(RedisBroker(app)) as broker, closing(Mailbox(app)) as mailbox:
        attempt(
            tally,
            "reconciliations",
            lambda: reconcile(services.database, app, broker, mailbox, timeout_s=0.3),
        )


async def check_fleet(
    tally: Tally, services: CampaignServices, payloads: Sequence[bytes], raws: Sequence[bytes]
) -> None:
    """Have the console's live fleet listen to all of it, and ask it everything."""
    fleet = LiveFleet(LiveOptions(broker_url=services.valkey.url, read_only=True))
    client = services.client
    await fleet.open(lambda _: None)
    try:
        session = fleet._open_session()
        deadline = time.monotonic() + 20
        while not client.pubsub_numpat() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        sent = 0
        for payload in payloads:
            sent += bool(client.publish("/0.celeryev/task.multi", payload))
        state = session.state
        while state.events + state.malformed < sent and time.monotonic() < deadline + 20:
            await asyncio.sleep(0.05)
        tally.did("events sent", sent)
        tally.check(sent == len(payloads), f"only {sent} of {len(payloads)} were heard: the listener is gone")
        good = {
            "uuid": "after",
            "hostname": "w@h",
            "timestamp": time.time(),
            "type": "task-received",
            "name": "after",
        }
        client.publish(
            "/0.celeryev/task.multi",
            _event_message(base64.b64encode(json.dumps([good]).encode()).decode(), "application/json"),
        )
        while state.find("after") is None and time.monotonic() < deadline + 25:
            await asyncio.sleep(0.05)
        tally.check(state.find("after") is not None, "an event after all this is not heard any more")
        tally.check(state.malformed > 0, "nothing was counted as unreadable")
        snapshot = await anext(aiter(fleet.watch()))
        tally.check(snapshot.broker.state.value == "up", f"the broker is said to be {snapshot.broker}")
        for text in texts_in(snapshot):
            tally.check(
                not violations(text.encode(errors="surrogatepass"), lines="\n"),
                f"a snapshot holds {text[:80]!r}",
            )
        questions: list[tuple[str, Any]] = [
            ("failed", fleet.failed()), ("tasks", fleet.tasks()), ("queue", fleet.queue_contents("hostile")),
            ("groups", fleet.failure_groups()), ("hour", fleet.queue_hour("hostile")), ("doctor", fleet.diagnose(lambda _: None)),
            *((f"task {task_id[:40]!r}", fleet.task(task_id)) for task_id in list(state.tasks)[:40]),
        ]  # fmt: skip
        for what, question in questions:
            tally.did("questions to the live fleet")
            try:
                answer = await question
            except FleetError as error:
                tally.check("unforeseen" not in str(error), f"{what}: {error}")
            else:
                for text in texts_in(answer):
                    tally.check(
                        not violations(text.encode(errors="surrogatepass"), lines="\n"),
                        f"{what} holds {text[:80]!r}",
                    )
    finally:
        await fleet.close(None)


def campaign(tally: Tally, seed: int, seconds: float) -> None:
    """Do all of it."""
    dice = random.Random(seed)
    with campaign_services() as services:
        trap = services.directory / "bomb-went-off"
        bomb = Bomb(trap)
        settings = EarthGazerSettings(
            _env_file=None,  # type: ignore[call-arg]
            celery=CelerySettings(broker_url=SecretStr(services.valkey.url)),
            database=DatabaseSettings(url=SecretStr(services.postgres.url)),
        )
        app, client = make_app(settings), services.client
        raws = list(dict.fromkeys(messages(bomb, dice, int(seconds * 20))))
        payloads = list(published(bomb, dice, int(seconds * 20)))
        tally.say(f"{len(raws)} messages, {len(payloads)} events")
        check_queues(tally, app, client, raws)
        tally.say("queues looked at")
        client.rpush("hostile", *raws)
        check_doctor(tally, app)
        check_results(tally, app, client, bomb, raws)
        check_answers(tally, app, client, bomb)
        check_nothing_given_back(tally, app, client)
        check_history(tally, services, app, bomb)
        tally.say("doctor, results, answers and history asked")
        asyncio.run(check_fleet(tally, services, payloads, raws))
        tally.check(not trap.exists(), "a body was loaded: the bomb went off")
        app.close()


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Messages that nobody should have sent.", 20.0)
    tally = Tally(f"hostile messages, seed {wanted.seed}")
    campaign(tally, wanted.seed, wanted.seconds)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
