"""Who gets in: files and sockets, passwords, TLS, and every way round ``--read-only``.

Run ``python -m tests.campaigns.access [--seed S]``.
"""

# ruff: noqa: E501, S608 - tables of attacks read best on one line each
from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import socket
import stat
import string
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy import text

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.line import names_of
from earthgazer_tui.fleet.errors import FleetError, ReadOnlyError
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.fleet.replay.fleet import ReplayFleet
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.command_provider import CommandProvider
from earthgazer_tui.screens.modes import SCREENS, load_screens
from tests.campaigns.hostile_fleet import fixed_texts, plant_messages, plant_rows
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally, arguments
from tests.campaigns.tls_servers import make_authority, tls_postgres, tls_redis, why_absent
from tests.campaigns.walk import settle, shown_on
from tests.product.terminal import Terminal
from tests.tui.console import console
from tests.tui.console import settle as settled
from tests.tui.dev_console import busy_fleet

READING = frozenset(
    {
        "open", "close", "watch", "work_in_progress", "diagnose", "explain", "history", "actions", "freshness",
        "captures", "capture", "queue_contents", "queue_message", "queue_hour", "plan_move", "plan_purge",
        "runs", "run", "plan_resume", "schedule", "failed", "tasks", "task", "failure_groups", "tasks_of", "traceback",
        "plan_retry", "editable_arguments", "review_arguments", "worker_facts",
        "toggle_replay", "change_replay_speed", "jump_replay", "seek_replay",
    }
)  # fmt: skip
"""Verbs that change nothing; whatever is not among them has to be refused."""
NOBODY = 65534


def verbs() -> dict[str, Any]:
    """Return all verbs of a fleet by introspection."""
    return {
        name: value for kind in Fleet.__mro__ for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }  # fmt: skip


def changing_verbs() -> list[str]:
    """Return the verbs that change something."""
    return sorted(verbs().keys() - READING)


def command_classes() -> list[type[Command]]:
    """Return every command there is."""
    load_screens()
    found: list[type[Command]] = []
    todo: list[type[Command]] = [Command]
    while todo:
        for child in todo.pop().__subclasses__():
            todo.append(child)
            if getattr(child, "id", None) and child.__module__.startswith("earthgazer_tui."):
                found.append(child)
    return list(dict.fromkeys(found))


def check_commands(tally: Tally) -> None:
    """Look whether a command that is said to change nothing calls a verb that does."""
    changing = set(changing_verbs())
    for command in command_classes():
        tally.did("commands")
        if not issubclass(command, FleetCommand):
            continue
        for name in ("run", "ask", "prompt", "refusal", "awaited"):
            source = textwrap.dedent(inspect.getsource(getattr(command, name)))
            called = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
            guilty = called & changing
            tally.check(
                not guilty or (command.changes_world and name == "run"),
                f"{command.__name__}.{name} calls {guilty} and is {'' if command.changes_world else 'not '}a changing command",
            )


async def check_verbs(tally: Tally, services: CampaignServices) -> None:
    """Call every changing verb of a read-only fleet and of a recording."""
    live = LiveFleet(
        LiveOptions(broker_url=services.valkey.url, database_url=services.postgres.url, read_only=True)
    )
    await live.open(lambda _: None)
    replayed = ReplayFleet(services.directory / "none.egr", LiveOptions())
    try:
        for fleet in (live, replayed):
            for name in changing_verbs():
                verb = getattr(fleet, name)
                given: dict[str, Any] = {
                    parameter.name: _any(parameter) for parameter in inspect.signature(verb).parameters.values()
                    if parameter.default is parameter.empty
                }  # fmt: skip
                tally.did("changing verbs called")
                try:
                    await verb(**given)
                except ReadOnlyError:
                    continue
                except FleetError as error:
                    tally.fault(f"{type(fleet).__name__}.{name} was refused for another reason: {error}")
                else:
                    tally.fault(f"{type(fleet).__name__}.{name} was done in a read-only console")
    finally:
        await live.close(None)


def _any(parameter: inspect.Parameter) -> Any:
    kind = str(parameter.annotation)
    if "Sequence" in kind or "list" in kind:
        return [1] if "int" in kind else ["x"]
    if "bool" in kind:
        return True
    if "int" in kind or "float" in kind:
        return 1
    return "x"


async def check_screens(tally: Tally) -> None:
    """Try every changing command on every screen: key, palette, command line, action, replay's keys."""
    fleet = busy_fleet()
    done: list[str] = []
    for name in changing_verbs():
        if hasattr(fleet, name):
            setattr(fleet, name, _noting(name, done))
    async with console(fleet, size=(140, 50), is_read_only=True) as pilot:
        for digit, mode in zip("1234567890", SCREENS, strict=False):
            await pilot.press(digit)
            await settled(pilot)
            screen: Any = pilot.app.screen
            assert isinstance(screen, FleetScreen), mode
            offered = [hit async for hit in CommandProvider(screen).discover()]
            titles = {str(hit.text) for hit in offered}
            for command in [one for one in screen.command_classes() if one.changes_world]:
                tally.did("changing commands tried on screens")
                tally.check(command not in screen.commands, f"{command.id} can be used on {mode}")
                tally.check(
                    command.title not in titles or any(one.title == command.title for one in screen.commands),
                    f"the palette on {mode} offers {command.id}",
                )
                tally.check(
                    not screen.check_action("command", (command.id,)),
                    f"the key of {command.id} works on {mode}",
                )
                await screen.action_command(command.id, "1")
                for name in names_of(command):
                    await screen._leave_line(f"{name} 1")
                    await screen._leave_line(name)
                    await settled(pilot)
                    while pilot.app.screen is not screen:
                        pilot.app.pop_screen()
                        await pilot.pause()
                for key in [one for one in command.key.split(",") if one]:
                    await pilot.press(key)
                await pilot.press("escape")
            tally.check(not done, f"on {mode} was done: {done}")
            done.clear()


def _noting(name: str, done: list[str]) -> Any:
    async def noted(*args: Any, **kwargs: Any) -> Any:
        done.append(name)
        raise ReadOnlyError(name)

    return noted


def check_terminal(tally: Tally, services: CampaignServices) -> None:
    """Press everything on every screen of a read-only console, and compare the fleet before and after."""
    plant_rows(services.database, fixed_texts(with_long=False)[:12])
    plant_messages(services.client, fixed_texts(with_long=False)[:6])
    before = _world(services)
    with Terminal(
        services.console("--read-only"), columns=160, lines=50, env=services.env(), cwd=services.directory
    ) as terminal:
        terminal.wait_for("1 Overview", timeout_s=60)
        for digit in "1234567890":
            terminal.press(digit)
            settle(terminal, 0.2, 2.0)
            for key in (
                *(one for one in string.ascii_uppercase if one not in "PZ"),
                "+",
                "-",
                "!",
                "space",
                "x",
            ):
                terminal.press(key, "y", "enter")
                settle(terminal, 0.05, 0.4)
                terminal.press("escape", digit)
            terminal.press(digit)
            tally.did("screens whose every key was pressed")
        for line in (
            "purge",
            "queue.purge",
            "task.retry",
            "retry 1",
            "revoke",
            "worker.shutdown",
            "pause",
            "delete",
            "dismiss",
            "D",
        ):
            terminal.press("3", ":", *line, "enter", "y", "enter", "escape")
            settle(terminal, 0.1, 0.6)
        tally.check(terminal.exit_code() is None, f"the console ended:\n{shown_on(terminal)}")
        terminal.press("ctrl+c")
        terminal.wait_exit()
    after = _world(services)
    for name in sorted(before.keys() | after.keys()):
        tally.check(
            before.get(name) == after.get(name),
            f"a read-only console changed {name!r}: {str(before.get(name))[:200]} → {str(after.get(name))[:200]}",
        )


def _world(services: CampaignServices) -> dict[str, Any]:
    client = services.client
    # Who asks workers leaves a list for the answers, and where to find it, until it goes.
    keys = [
        key
        for key in client.scan_iter(count=1000)
        if b"pidbox" not in key and key != b"_kombu.binding_deadlines"
    ]
    world: dict[str, Any] = {repr(key): client.dump(key) for key in keys if client.type(key) != b"set"}
    world |= {repr(key): sorted(client.smembers(key)) for key in keys if client.type(key) == b"set"}
    with services.database.session() as session:
        names = session.scalars(
            text("select table_name from information_schema.tables where table_schema = 'earthgazer'")
        )
        for name in list(names):
            digest = text(
                f"select count(*), md5(string_agg(t::text, '' order by t::text)) from earthgazer.{name} t"
            )
            world[f"table {name}"] = tuple(session.execute(digest).one())
    return world


def check_stack(tally: Tally, directory: Path) -> None:
    """Start an embedded stack and look at it as a neighbour would."""
    state = directory / "state"
    program = [sys.executable, "-m", "earthgazer_core.cli", "--state-dir", str(state), "stack"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER")}
    env["HOME"] = str(directory)
    up = [*program, "up", "--detach", "--workers", "1"]
    done = subprocess.run(
        up, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False
    )
    try:
        tally.check(done.returncode == 0, f"stack up ended with {done.returncode}")
        told = subprocess.run(
            [*program, "env"], env=env, capture_output=True, text=True, timeout=30, check=True
        ).stdout
        passwords = set(re.findall(r":([^:@/\s]{12,})@", told))
        tally.check(len(passwords) >= 2, "broker and database have no passwords of their own")
        _check_files(tally, state)
        ours = [one for one in psutil.process_iter() if _works_for(one, state)]
        tally.check(len(ours) >= 4, f"only {len(ours)} processes were found")
        for process in ours:
            words = " ".join(process.cmdline())
            tally.check(
                not any(one in words for one in passwords), f"a password is in a process list: {words[:200]}"
            )
            listening = [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
            tally.check(not listening, f"{process.name()} listens on {listening}")
            tally.check(
                stat.S_IMODE(Path(f"/proc/{process.pid}/environ").stat().st_mode) == 0o400,
                "others can read an environment",
            )
            tally.did("processes of the stack looked at")
        for path in (state / "logs").rglob("*"):
            if path.is_file():
                held = path.read_bytes()
                tally.check(
                    not any(one.encode() in held for one in passwords), f"a password is in {path.name}"
                )
                tally.did("logs of the stack read")
        for path in {Path(one) for one in re.findall(r"(/[^\s?'@&]+\.sock)", told)}:
            _check_socket(tally, path)
    finally:
        subprocess.run([*program, "down"], env=env, capture_output=True, timeout=120, check=False)


def _works_for(process: psutil.Process, state: Path) -> bool:
    try:
        return process.pid != os.getpid() and any(str(state) in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _check_files(tally: Tally, root: Path) -> None:
    for path in (root, *root.rglob("*")):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISLNK(status.st_mode):
            tally.check(
                not status.st_mode & 0o077 or _is_shut(path, root),
                f"others reach {path}: {stat.filemode(status.st_mode)}",
            )
            tally.did("files of the stack looked at")


def _is_shut(path: Path, root: Path) -> bool:
    """Whether a directory above keeps everybody else out; Postgres gives some files of its own a wider mode."""
    return any(not parent.stat().st_mode & 0o077 for parent in path.parents if parent.is_relative_to(root))


def _check_socket(tally: Tally, path: Path) -> None:
    """Try to connect as somebody else, and without a password as ourselves."""
    with redis.Redis(unix_socket_path=str(path)) as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            tally.did("refused without a password")
        else:
            tally.fault(f"{path} takes everybody")
    if os.geteuid() == 0:
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                socket.socket(socket.AF_UNIX).connect(str(path))
            except PermissionError:
                os._exit(0)
            except OSError:
                os._exit(2)
            os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        tally.check(code == 0, f"somebody else could reach {path} ({code})")
        tally.did("refused to somebody else")


def check_tls(tally: Tally, directory: Path, *, is_short: bool = False) -> None:
    """Reach Redis and Postgres over TLS, and refuse whom another authority vouches for."""
    reason = why_absent()
    if reason:
        tally.say(f"TLS skipped: {reason}")
        return
    directory.chmod(0o755)
    good, other = make_authority(directory / "good"), make_authority(directory / "other")
    env = {name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER")}
    env["HOME"] = str(directory)

    def run(variable: str, url: str, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "earthgazer_core.cli", *words], env={**env, variable: url}, cwd=directory,
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        password = url.split(":")[2].split("@")[0]
        tally.check(password not in output, f"{' '.join(words)} prints a password: {output[:300]}")
        tally.check("Traceback" not in output, f"{' '.join(words)} crashed: {output[-600:]}")
        return done.returncode, output

    with tls_redis(directory, good) as place:
        variable, words = "EARTHGAZER__CELERY__BROKER_URL", ("queues", "--json")
        tries = [
            (f"?ssl_cert_reqs=required&ssl_ca_certs={good.ca}", 0),
            (f"?ssl_cert_reqs=required&ssl_ca_certs={other.ca}", 3),
            ("?ssl_cert_reqs=required", 3),
            ("", 3),
        ]
        for options, wanted in tries[::3] if is_short else tries:
            code, output = run(variable, f"rediss://{place}{options}", *words)
            tally.check(
                code == wanted, f"rediss://…{options} ended with {code}, not {wanted}: {output[-300:]}"
            )
            tally.did("TLS connections to Redis tried")
        renamed = place.replace("localhost", "127.0.0.1")
        if not is_short:
            code, output = run(
                variable, f"rediss://{renamed}?ssl_cert_reqs=required&ssl_ca_certs={good.ca}", *words
            )
            tally.check(code == 3, f"a certificate of another host is taken ({code}): {output[-300:]}")
            code, output = run(variable, f"redis://{place}", *words)
            tally.check(code == 3, f"plain text is spoken with a TLS port ({code}): {output[-300:]}")
    with tls_postgres(directory, good) as place:
        variable = "EARTHGAZER__DATABASE__URL"
        tries = [
            (f"?sslmode=verify-full&sslrootcert={good.ca}", 0),
            (f"?sslmode=verify-full&sslrootcert={other.ca}", 3),
            ("?sslmode=disable", 3),
        ]
        for options, wanted in tries[:2] if is_short else tries:
            code, output = run(variable, f"postgresql://{place}{options}", "db", "status")
            tally.check(
                code == wanted, f"postgresql://…{options} ended with {code}, not {wanted}: {output[-300:]}"
            )
            tally.did("TLS connections to Postgres tried")


def check_compose(tally: Tally) -> None:
    """Look at what the compose file would publish."""
    import yaml

    services = yaml.safe_load((Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text())[
        "services"
    ]
    for name, service in services.items():
        for port in service.get("ports", ()):
            tally.check(str(port).startswith("127.0.0.1:"), f"{name} is published as {port}")
            told = json.dumps(service)
            tally.check("PASSWORD:?" in told, f"{name} is published without a password that has to be set")
            tally.check("trust" not in told, f"{name} trusts")
            tally.did("published ports looked at")


def campaign(tally: Tally, *, is_short: bool = False) -> None:
    """Do all of it; in short without an embedded stack, TLS and the keys in a terminal."""
    began = time.monotonic()
    check_compose(tally)
    check_commands(tally)
    asyncio.run(check_screens(tally))
    tally.say("screens tried")
    with campaign_services() as services:
        _check_files(tally, services.directory / "s")
        asyncio.run(check_verbs(tally, services))
        tally.say("verbs tried")
        if is_short:
            return
        check_terminal(tally, services)
        tally.say("keys pressed")
        check_stack(tally, services.directory / "stack")
        tally.say("stack looked at")
        (services.directory / "tls").mkdir()
        services.directory.chmod(0o755)
        check_tls(tally, services.directory / "tls")
        tally.say(f"done in {time.monotonic() - began:.0f} s")


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Who gets in.", 0.0)
    tally = Tally(f"access, seed {wanted.seed}")
    campaign(tally)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
