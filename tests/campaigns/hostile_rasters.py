"""Hostile image files through everything that reads one.

Run ``python -m tests.campaigns.hostile_rasters [--seconds N] [--seed S]``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.campaigns.confined import Confined, Outcome
from tests.campaigns.image_forge import bombs, jp2_bombs, large_bombs, mutants, sound_images
from tests.campaigns.image_references import references
from tests.campaigns.raster_victim import WAYS
from tests.campaigns.tally import Tally, arguments
from tests.campaigns.trap import setting

MEMORY_MB = 1500
"""Address space that a call may take; a worker's child has more."""
MOST_MB = 900
"""Memory that a call may really use, whatever a file of a few kilobytes declares."""
MOST_S = 60.0
"""No call takes longer on a busy machine; most end at once."""
_SAME_WORDS = 60


def check_sound(
    tally: Tally, victim: Confined, images: Sequence[Path], folder: Path, ways: Sequence[str] = WAYS
) -> None:
    """See that sound images serve, so that refusals mean something."""
    for path in images:
        for way in ways:
            outcome = _use(tally, victim, way, path, images[0], folder)
            tally.check(outcome.kind == "done", f"{path.name} ({way}) was refused: {outcome.text}")


def check_bombs(
    tally: Tally, victim: Confined, files: Iterable[tuple[str, bytes]], sound: Path, folder: Path,
    ways: Sequence[str] = ("inspect", "add", "index", "stack"),
) -> None:  # fmt: skip
    """Give small files that declare more than there is, or become more than there is room for."""
    for name, data in files:
        path = folder / name
        path.write_bytes(data)
        for way in ways:
            _use(tally, victim, way, path, sound, folder)
            tally.did("bombs")
        path.unlink()


def check_references(
    tally: Tally, victim: Confined, sound: Path, folder: Path, ways: Sequence[str] = WAYS
) -> None:
    """Give files and paths that lead elsewhere; nobody may follow them."""
    lair = folder / "references"
    lair.mkdir()
    with setting(lair) as trap:
        for reference in references(lair, sound, trap.url, trap.pipe):
            for way in ways:
                outcome = _use(tally, victim, way, Path(reference.path), sound, folder, given=reference.path)
                tally.check(
                    outcome.kind == "refused" or reference.may_serve,
                    f"{reference.name} ({way}) was served: {outcome.text}",
                )
                for what in trap.caught():
                    tally.fault(f"{reference.name} ({way}): {what}")
                tally.did("references")


def check_fuzz(
    tally: Tally, victim: Confined, images: Sequence[Path], folder: Path, seed: int, seconds: float
) -> None:
    """Give what chance makes of sound files."""
    random_ = random.Random(seed)
    kinds = {path: mutants(path.read_bytes(), random_) for path in images}
    deadline = time.monotonic() + seconds
    seen: set[str] = set()
    number = 0
    while time.monotonic() < deadline:
        number += 1
        source = random_.choice(list(kinds))
        path = folder / f"mutant-{source.name}"
        path.write_bytes(next(kinds[source]))
        way = random_.choice(WAYS)
        before = len(tally.faults)
        outcome = _use(tally, victim, way, path, images[0], folder)
        tally.did(f"mutants {outcome.kind}")
        if len(tally.faults) > before:
            words = f"{outcome.kind} {outcome.error} {outcome.text[-_SAME_WORDS:]}"
            if words in seen:
                # The same again is no news.
                del tally.faults[before:]
                continue
            seen.add(words)
            kept = Path(tempfile.gettempdir()) / f"hostile-{seed}-{number}-{way}-{source.name}"
            kept.write_bytes(path.read_bytes())
            tally.say(f"kept as {kept}")


def _use(
    tally: Tally, victim: Confined, way: str, path: Path, sound: Path, folder: Path, given: str | None = None
) -> Outcome:
    outcome = victim.call(way, str(path) if given is None else given, str(sound), str(folder))
    name = path.name[:80]
    tally.check(outcome.is_well, f"{name} ({way}): {outcome.kind} {outcome.error}: {outcome.text[:500]}")
    tally.check(outcome.grown_mb <= MOST_MB, f"{name} ({way}): {outcome.grown_mb} MB")
    return outcome


def images_for(folder: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Write sound images, the plainest first."""
    made = sound_images(folder)
    chosen = [made[name] for name in names or made]
    return sorted(chosen, key=lambda path: path.name != "stored.tif")


def victims(seconds: float = MOST_S) -> Confined:
    """Return a child that uses images."""
    return Confined("tests.campaigns.raster_victim:use", memory_mb=MEMORY_MB, seconds=seconds)


def campaign(tally: Tally, seed: int, seconds: float) -> None:
    """Do all of it."""
    with tempfile.TemporaryDirectory(prefix="eg-rasters-") as scratch, victims() as victim:
        folder = Path(scratch)
        images = images_for(folder)
        check_sound(tally, victim, images, folder)
        tally.say("sound images serve")
        check_references(tally, victim, images[0], folder)
        tally.say("references done")
        jp2 = next(path for path in images if path.name == "lossless.jp2")
        files = (*bombs(), *jp2_bombs(jp2.read_bytes()), *large_bombs())
        check_bombs(tally, victim, files, images[0], folder)
        tally.say("bombs done")
        check_fuzz(tally, victim, images, folder, seed, seconds)


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Hostile image files.", 120.0)
    tally = Tally(f"hostile rasters, seed {wanted.seed}")
    campaign(tally, wanted.seed, wanted.seconds)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
