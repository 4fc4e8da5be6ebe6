"""What a seed does to a stack: kills, pauses, a full disk, an emptied broker, each at its moment."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from earthgazer_core.stack.identity import Identity
from tests.campaigns.chaos_catalogue import Catalogue
from tests.campaigns.chaos_stack import ChaosStack, open_files

_CATCH_S = 6.0
_SERVERS = ("valkey", "postgres")


@dataclass(frozen=True, slots=True)
class Done:
    """What a fault did."""

    what: str
    """In words; empty where there was nobody to do it to."""
    undo: Callable[[], object] | None = None
    """Ends it, and says False where that has to be tried again; None where it is over at once."""


Fault = Callable[["Tormentor"], Done]


class Tormentor:
    """Does harm to one stack and its catalogue."""

    def __init__(self, stack: ChaosStack, catalogue: Catalogue) -> None:
        self.stack = stack
        self.catalogue = catalogue

    def kill(self, name: str) -> Done:
        """Kill one process of the stack."""
        identity = self.stack.identity(name)
        if identity is None:
            return Done("")
        identity.send(signal.SIGKILL)
        return Done(f"{name} killed")

    def kill_pool_child(self, worker: str) -> Done:
        """Kill a process of a worker's pool, whatever it is doing."""
        children = self.stack.children(worker)
        if not children:
            return Done("")
        children[-1].send(signal.SIGKILL)
        return Done(f"a process of {worker} killed")

    def kill_writer(self) -> Done:
        """Kill a process while it has a raster open that it makes."""
        being_made = (str(self.stack.data_path / "work"), str(self.stack.data_path / "artifacts"))
        deadline = time.monotonic() + _CATCH_S
        while time.monotonic() < deadline:
            for child in self.stack.children("cpu1"):
                if any(path.startswith(being_made) for path in open_files(child)):
                    child.send(signal.SIGKILL)
                    return Done("a process killed while it wrote a raster")
        return Done("")

    def kill_console(self) -> Done:
        """Kill the console and open another."""
        self.stack.kill_console()
        return Done("console killed", self.stack.open_console)

    def kill_supervisor(self) -> Done:
        """Kill the supervisor; its user starts the stack again."""
        done = self.kill("supervisor")
        return Done(done.what, self.stack.comes_up) if done.what else done

    def empty_broker(self) -> Done:
        """Kill the broker and take its data away before it is started again."""
        done = self.kill("valkey")
        if not done.what:
            return done
        for directory in self.stack.state_dir.glob("valkey*/appendonlydir"):
            shutil.rmtree(directory)
        return Done("broker emptied")

    def pause(self, name: str) -> Done:
        """Stop a process, and those of a database below it, until it is undone."""
        identity = self.stack.identity(name)
        if identity is None:
            return Done("")
        return _paused([identity, *(self.stack.children(name) if name in _SERVERS else ())], name)

    def pause_pool_child(self, worker: str) -> Done:
        """Stop a process of a worker's pool until it is undone."""
        children = self.stack.children(worker)
        return _paused(children[:1], f"a process of {worker}") if children else Done("")

    def fill_disk(self) -> Done:
        """Leave no room until it is undone."""
        self.stack.fill_disk()
        return Done("disk full", self.stack.free_disk)

    def leave_catalogue(self) -> Done:
        """Let the provider be away until it is undone."""
        self.catalogue.leave()
        return Done("provider away", self.catalogue.come_back)


FAULTS: Mapping[str, Fault] = {
    "kill io": lambda it: it.kill("io1"),
    "kill cpu": lambda it: it.kill("cpu1"),
    "kill io child": lambda it: it.kill_pool_child("io1"),
    "kill writer": Tormentor.kill_writer,
    "kill beat": lambda it: it.kill("beat"),
    "kill redis": lambda it: it.kill("valkey"),
    "kill postgres": lambda it: it.kill("postgres"),
    "kill console": Tormentor.kill_console,
    "kill supervisor": Tormentor.kill_supervisor,
    "pause io": lambda it: it.pause("io1"),
    "pause cpu": lambda it: it.pause("cpu1"),
    "pause cpu child": lambda it: it.pause_pool_child("cpu1"),
    "pause redis": lambda it: it.pause("valkey"),
    "pause postgres": lambda it: it.pause("postgres"),
    "fill disk": Tormentor.fill_disk,
    "empty redis": Tormentor.empty_broker,
    "provider away": Tormentor.leave_catalogue,
}
"""All there are, by the names that plans and tables use."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a seed."""

    at_s: float
    """Seconds after the work began."""
    name: str
    lasts_s: float
    """Seconds until it is undone, where it can be."""


def plan(
    seed: int, *, within_s: float, names: tuple[str, ...] | None = None, extra: int = 4
) -> list[Planned]:
    """Return what a seed does: every fault once in an order of its own, and some of them again."""
    dice = random.Random(seed)
    chosen = list(names or FAULTS)
    if names is None:
        chosen += dice.choices([name for name in FAULTS if name.startswith("kill")], k=extra)
    dice.shuffle(chosen)
    return sorted(
        (
            # Pauses outlast the two seconds of a heartbeat, and the six after which a worker counts as late.
            Planned(round(dice.uniform(0.5, within_s), 2), name, round(dice.uniform(3.0, 8.0), 2))
            for name in chosen
        ),
        key=lambda one: one.at_s,
    )


def _paused(identities: list[Identity], name: str) -> Done:
    for identity in identities:
        identity.send(signal.SIGSTOP)

    def go_on() -> None:
        for identity in identities:
            identity.send(signal.SIGCONT)

    return Done(f"{name} paused", go_on)
