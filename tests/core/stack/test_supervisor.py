"""The supervisor and its client, on real processes: who starts, who stays, who is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from earthgazer_core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from earthgazer_core.stack.client import StackClient
from earthgazer_core.stack.files import secret
from earthgazer_core.stack.identity import Identity
from earthgazer_core.stack.models import Phase, ProcessStatus, Release, StartStep, StepState
from earthgazer_core.stack.statefile import StackRecord
from tests.core.stack.conftest import StackUnderTest
from tests.core.stack.polling import eventually

pytestmark = pytest.mark.fleet


def process(client: StackClient, name: str) -> ProcessStatus:
    return next(one for one in client.status().processes if one.name == name)


def is_gone(stack: StackUnderTest) -> bool:
    return not stack.client().is_running() and not stack.left()


def open_to_others(state_dir: Path) -> list[Path]:
    everything = [state_dir, *state_dir.rglob("*")]
    return [path for path in everything if not path.is_symlink() and path.stat().st_mode & 0o077]


def shown_secrets(state_dir: Path) -> list[str]:
    """Return the names of secrets that a process list or a log shows."""
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    logs = [path.read_text() for path in (state_dir / "logs").iterdir()]
    names = [path.name for path in (state_dir / "secrets").iterdir()]
    assert len(names) == 4
    return [name for name in names for text in lines + logs if secret(state_dir, name) in text]


def test_a_start_tells_its_steps_and_an_end_leaves_no_process(stack: StackUnderTest) -> None:
    client, steps = stack.client(profiles="io"), list[StartStep]()
    env = client.ensure_running(steps.append)
    record = stack.record()

    assert env.was_started
    ready = [step.name for step in steps if step.state is StepState.READY]
    assert sorted(ready[:2]) == ["Postgres", "Valkey"]
    assert ready[2:] == ["migrations", "worker io1", "beat"]
    assert [step.elapsed_s for step in steps] == sorted(step.elapsed_s for step in steps)
    assert set(record.processes) == {"valkey", "postgres", "io1", "beat"}
    assert all(one.state == "ready" for one in client.status().processes)
    assert open_to_others(stack.state_dir) == []
    assert shown_secrets(stack.state_dir) == []
    assert secret(stack.state_dir, "valkey") not in repr(env)

    assert client.attach().release(Release.WAIT)
    client.wait_stopped(timeout_s=60)
    assert not stack.left()
    assert StackRecord.read(stack.state_dir) is None
    assert not list((stack.state_dir / "run").iterdir())


def test_the_stack_ends_when_its_only_console_is_killed(stack: StackUnderTest) -> None:
    code = (
        "import sys, time; from pathlib import Path; from earthgazer_core.stack.client import StackClient\n"
        "client = StackClient(Path(sys.argv[1]), options=('--profiles', ''))\n"
        "client.ensure_running()\n"
        "print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(stack.state_dir)], stdout=subprocess.PIPE
    ) as console:
        assert console.stdout is not None
        console.stdout.readline()
        stack.record()
        assert stack.client().status().leases == 1
        console.kill()
        eventually(lambda: is_gone(stack), "the end of the stack")


def test_a_second_console_shares_the_stack_and_the_last_one_ends_it(stack: StackUnderTest) -> None:
    first, second = stack.client(), stack.client()
    assert first.ensure_running().was_started
    assert not second.ensure_running().was_started
    record = stack.record()
    assert first.status().leases == 2

    assert not first.attach().release(Release.STOP)
    assert second.status().phase is Phase.RUNNING
    assert stack.record().supervisor == record.supervisor

    assert second.attach().release(Release.STOP)
    second.wait_stopped(timeout_s=60)
    assert not stack.left()


def test_a_detached_stack_stays_and_a_next_start_attaches_to_it(stack: StackUnderTest) -> None:
    stack.client("--attach-grace", "0.1").ensure_running(detach=True)
    record = stack.record()
    with stack.client() as later:
        env = later.ensure_running()
        assert not env.was_started
        assert stack.record().supervisor == record.supervisor
    eventually(lambda: stack.client().status().leases == 0, "the end of the lease")
    assert stack.client().status().phase is Phase.RUNNING


def test_leave_keeps_the_stack_running(stack: StackUnderTest) -> None:
    client = stack.client()
    client.ensure_running()
    stack.record()
    assert not client.attach().release(Release.LEAVE)
    status = client.status()
    assert (status.phase, status.is_detached, status.leases) == (Phase.RUNNING, True, 0)


def test_a_stack_to_which_nobody_attaches_ends(stack: StackUnderTest) -> None:
    command = [sys.executable, "-m", "earthgazer_core.stack", "--state-dir", str(stack.state_dir)]
    command += ["--profiles", "", "--attach-grace", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b'{"ok": true}\n'
        assert supervisor.wait(30) == 0
    eventually(lambda: is_gone(stack), "the end of the stack")


def test_after_a_killed_supervisor_the_next_start_ends_what_it_left(stack: StackUnderTest) -> None:
    client = stack.client(profiles="io")
    client.ensure_running()
    before = stack.record()
    with client.attach() as lease:
        os.kill(before.supervisor.pid, signal.SIGKILL)
        eventually(lambda: not lease.is_held, "the loss of the lease")
    assert before.processes["valkey"].is_alive()

    steps = list[StartStep]()
    again = stack.client()
    assert again.ensure_running(steps.append).was_started
    after = stack.record()
    assert not [name for name, identity in before.processes.items() if identity.is_alive()]
    assert steps[1].name == "leftovers"
    assert "valkey" in steps[1].detail
    assert after.supervisor != before.supervisor


def test_a_bystander_with_a_pid_from_the_state_file_is_not_touched(stack: StackUnderTest) -> None:
    client = stack.client()
    client.ensure_running()
    record = stack.record()
    client.shutdown(Release.STOP, timeout_s=60)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        recycled = Identity(bystander.pid, record.supervisor.started)
        StackRecord(
            record.version, record.stack_id, recycled, record.control, {"valkey": recycled, "io1": recycled}
        ).write(stack.state_dir)
        stack.client().ensure_running()
        stack.record()
        assert bystander.poll() is None
        bystander.kill()


def test_killed_servers_and_workers_come_back_with_their_data(stack: StackUnderTest, tmp_path: Path) -> None:
    client = stack.client(profiles="io")
    client.ensure_running()
    before = stack.record()
    note = tmp_path / "note"
    app = stack.app()
    app.send_task("tiny.note", [str(note)])
    eventually(lambda: note.exists() and "done" in note.read_text(), "the task")

    for name in ("valkey", "postgres", "io1"):
        before.processes[name].send(signal.SIGKILL)
    eventually(
        lambda: all(
            (one := process(client, name)).restarts == 1 and one.state == "ready"
            for name in ("valkey", "postgres", "io1")
        ),
        "the servers and the worker",
    )
    after = stack.record()
    assert all(after.processes[name] != before.processes[name] for name in ("valkey", "postgres", "io1"))
    note.unlink()
    app.send_task("tiny.note", [str(note)])
    eventually(lambda: note.exists() and "done" in note.read_text(), "the task after the restart")
    app.close()


def test_what_a_killed_worker_ran_is_given_back_and_runs_again_at_once(
    stack: StackUnderTest, tmp_path: Path
) -> None:
    client = stack.client(profiles="io")
    client.ensure_running()
    note = tmp_path / "note"
    app = stack.app()
    app.send_task("tiny.note", [str(note), 3.0])
    eventually(note.exists, "the start of the task")
    worker = stack.record().processes["io1"]
    pool = [Identity.of(child.pid) for child in psutil.Process(worker.pid).children()]
    worker.send(signal.SIGKILL)
    # the visibility timeout of this app is an hour: only the supervisor can have given the message back
    eventually(lambda: note.read_text() == "started\nstarted\ndone\n", "the second run", timeout_s=25)
    assert not [child for child in pool if child and child.is_alive()]
    stack.record()
    app.close()


def test_what_a_killed_worker_ran_is_given_back_though_the_broker_died_with_it(
    stack: StackUnderTest, tmp_path: Path
) -> None:
    client = stack.client(profiles="io")
    client.ensure_running()
    note = tmp_path / "note"
    app = stack.app()
    app.send_task("tiny.note", [str(note), 3.0])
    eventually(note.exists, "the start of the task")
    for name in ("io1", "valkey"):
        stack.record().processes[name].send(signal.SIGKILL)
    eventually(lambda: note.read_text() == "started\nstarted\ndone\n", "the second run", timeout_s=45)
    stack.record()
    app.close()


def test_only_what_the_dead_worker_held_is_given_back(stack: StackUnderTest, tmp_path: Path) -> None:
    client = stack.client(profiles="io,io")
    client.ensure_running(workers=1)
    notes = [tmp_path / "one", tmp_path / "two"]
    app = stack.app()
    for note in notes:
        app.send_task("tiny.note", [str(note), 5.0])
    eventually(lambda: all(note.exists() for note in notes), "the start of both tasks")
    stack.record().processes["io1"].send(signal.SIGKILL)
    lives = ["started\ndone\n", "started\nstarted\ndone\n"]
    eventually(lambda: sorted(note.read_text() for note in notes) == lives, "one task again, the other not")
    stack.record()
    app.close()


def test_a_lost_console_lets_a_running_task_finish(stack: StackUnderTest, tmp_path: Path) -> None:
    note = tmp_path / "note"
    with stack.client(profiles="io") as client:
        client.ensure_running()
        stack.record()
        app = stack.app()
        app.send_task("tiny.note", [str(note), 3.0])
        eventually(note.exists, "the start of the task")
        app.close()
    eventually(lambda: stack.client().status().phase is Phase.DRAINING, "the end to begin")
    stack.client().wait_stopped(timeout_s=60)
    assert note.read_text() == "started\ndone\n"
    assert not stack.left()


def test_who_attaches_while_work_ends_keeps_the_stack(stack: StackUnderTest, tmp_path: Path) -> None:
    note = tmp_path / "note"
    first = stack.client(profiles="io")
    first.ensure_running()
    app = stack.app()
    app.send_task("tiny.note", [str(note), 4.0])
    eventually(note.exists, "the start of the task")
    assert first.attach().release(None)

    second = stack.client()
    assert not second.ensure_running().was_started
    assert second.status().phase is Phase.RUNNING
    eventually(lambda: "done" in note.read_text(), "the task that ran")
    note.unlink()
    app.send_task("tiny.note", [str(note)])
    eventually(lambda: note.exists() and "done" in note.read_text(), "a task on the new worker")
    eventually(
        lambda: [one.name for one in second.status().processes if one.kind == "worker"] == ["io2"],
        "the end of the old worker",
    )
    stack.record()
    app.close()


def test_an_end_at_once_gives_back_what_runs(stack: StackUnderTest, tmp_path: Path) -> None:
    note = tmp_path / "note"
    client = stack.client(profiles="io")
    client.ensure_running()
    stack.record()
    app = stack.app()
    app.send_task("tiny.note", [str(note), 60.0])
    eventually(note.exists, "the start of the task")
    app.close()
    client.shutdown(Release.STOP, timeout_s=30)
    assert not stack.left()

    stack.client(profiles="io").ensure_running()
    stack.record()
    eventually(lambda: note.read_text() == "started\nstarted\n", "the second run")


def test_workers_can_be_started_and_stopped(stack: StackUnderTest) -> None:
    client = stack.client(profiles="io")
    client.ensure_running(workers=1)
    assert client.start_worker("cpu") == "cpu1"
    assert client.start_worker("io") == "io2"
    eventually(lambda: process(client, "io2").state == "ready", "the second worker")
    stack.record()
    assert client.stop_worker("io1") == "io1"
    eventually(lambda: "io1" not in [one.name for one in client.status().processes], "the end of io1")
    with pytest.raises(NotFoundError, match="no worker 'io9' on this stack: there is cpu1, io2"):
        client.stop_worker("io9")
    with pytest.raises(InvalidInputError, match="no worker profile 'gpu': choose one of io, cpu"):
        client.start_worker("gpu")


def test_a_worker_that_can_not_start_fails_its_step_not_the_stack(stack: StackUnderTest) -> None:
    client = stack.client(profiles="io", app="no_such_module")
    steps = list[StartStep]()
    client.ensure_running(steps.append)
    stack.record()
    failed = [step for step in steps if step.state is StepState.FAILED]
    assert [step.name for step in failed] == ["worker io1"]
    assert "no_such_module" in failed[0].detail
    assert process(client, "valkey").state == "ready"


def test_wrong_settings_are_told_and_nothing_stays(
    stack: StackUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARTHGAZER__CELERY__TASK_TIME_LIMIT_S", "soon")
    with pytest.raises(InvalidInputError, match="EARTHGAZER__CELERY__TASK_TIME_LIMIT_S"):
        stack.client().ensure_running()
    eventually(lambda: is_gone(stack), "the end of the stack")
    assert StackRecord.read(stack.state_dir) is None


def test_data_of_another_major_version_stop_the_start(stack: StackUnderTest) -> None:
    (stack.state_dir / "pg12").mkdir(parents=True)
    (stack.state_dir / "lock").touch()
    with pytest.raises(ConflictError, match="pg12 was written by another version"):
        stack.client().ensure_running()
    eventually(lambda: is_gone(stack), "the end of the stack")


def test_a_directory_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ConflictError, match="is not empty"):
        StackClient(tmp_path).ensure_running()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_the_state_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(RefusedError, match="belongs to another user"):
        StackClient(tmp_path).ensure_running()


def test_two_starts_at_once_make_one_stack(stack: StackUnderTest) -> None:
    code = (
        "import sys; from pathlib import Path; from earthgazer_core.stack.client import StackClient\n"
        "client = StackClient(Path(sys.argv[1]), options=('--profiles', ''))\n"
        "print(client.ensure_running(detach=True).was_started)"
    )
    words = [sys.executable, "-c", code, str(stack.state_dir)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as one,
        subprocess.Popen(words, stdout=subprocess.PIPE) as other,
    ):
        answers = sorted([one.communicate()[0], other.communicate()[0]])
    assert answers == [b"False\n", b"True\n"]
    stack.record()


def test_the_client_brings_neither_celery_nor_a_database_driver() -> None:
    code = (
        "import sys, earthgazer_core.stack.client\n"
        "heavy = {'celery', 'kombu', 'redis', 'sqlalchemy', 'psycopg2', 'numpy', 'pydantic', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
