"""Taking away what somebody was shown of a Redis broker's list, however long it is, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from earthgazer_core.operations.queues.acting import acting, counted
from earthgazer_core.operations.queues.layout import Layout
from earthgazer_core.operations.queues.stored import Digests, Shown, digest_of, was_given_back

_PAGE = 500
"""Messages that are read at a time."""
_NEAREST = 250
_NEWEST = 50
_REACH = 200
"""How far from where it was last seen the newest message is looked for in a script."""

_TAKE = """
local length = redis.call('LLEN', KEYS[1])
local depth, hint, edges = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local edge = 0
if edges > 0 then
  local newest = {}
  for i = 5, 4 + edges do newest[ARGV[i]] = true end
  edge = -1
  for i, raw in ipairs(redis.call('LRANGE', KEYS[1], hint, hint + tonumber(ARGV[3]) - 1)) do
    if newest[redis.sha1hex(raw)] then
      edge = hint + i - 1
      break
    end
  end
  if edge < 0 then return {-1} end
end
local wanted = {}
for i = 5 + edges, #ARGV do wanted[ARGV[i]] = true end
local found = {edge}
for _, raw in ipairs(redis.call('LRANGE', KEYS[1], -math.min(depth, length - edge), -1)) do
  local digest = redis.sha1hex(raw)
  if wanted[digest] then
    redis.call('LREM', KEYS[1], -1, raw)
    found[#found + 1] = digest
  end
end
return found
"""


def looked_at(layout: Layout, keys: Sequence[str]) -> list[tuple[list[bytes], Shown]]:
    """Return of each list the messages that are next, the very next first, and what was there.

    Long lists are not read: publishers add at one end and workers take from the other, so the newest
    messages, and those that workers gave back to their own end, tell what was there from what comes later.
    """
    pipe = layout.client.pipeline(transaction=True)
    for key in keys:
        pipe.llen(key)
        pipe.lrange(key, 0, _NEWEST - 1)
        pipe.lrange(key, -_NEAREST, -1)
    answers = pipe.execute()
    found = []
    for number, key in enumerate(keys):
        size, newest, nearest = answers[3 * number : 3 * number + 3]
        known = Digests()
        for raw in nearest:
            known.add(digest_of(raw))
        edges: tuple[str, ...] = ()
        if size > len(nearest):
            _add_given_back(layout, key, known, nearest)
            edges = tuple(digest_of(raw) for raw in newest if not was_given_back(raw))
        found.append((nearest[::-1], Shown(size, known, edges)))
    return found


def _add_given_back(layout: Layout, key: str, known: Digests, nearest: Sequence[bytes]) -> None:
    """Add what lies behind the nearest messages for as long as workers gave some of it back."""
    page, passed = nearest, len(nearest)
    while any(map(was_given_back, page)):
        page = layout.client.lrange(key, -(passed + _PAGE), -(passed + 1))
        passed += len(page)
        for raw in filter(was_given_back, page):
            known.add(digest_of(raw))


class RedisSweeper:
    """Takes away what was shown of one list.

    What workers gave back since has the place of what was next before: of messages that are not known one
    by one, those that were given back stay.
    """

    def __init__(self, layout: Layout, key: str, shown: Shown) -> None:
        self._layout = layout
        self._client = layout.client
        self._digest = layout.client.script_load(_TAKE)
        self._key = key
        self._shown = shown
        self._hint = 0
        self.given_back = 0
        """Messages left because a worker gave them back, and nobody knows whether they were shown."""

    def sweep(self, on_page: Callable[[Sequence[bytes]], None]) -> None:
        """Take all of it away; tell of each page once it is gone."""
        # What workers take meanwhile moves the pages: a second look finds what the first missed.
        while found := self._page():
            on_page(found)

    def _page(self) -> list[bytes]:
        """Take away the next page that has messages which were shown and return those, none at the end."""
        passed, before = 0, None
        self.given_back = 0
        while raws := self._client.lrange(self._key, -(passed + _PAGE), -(passed + 1)):
            by_digest = {digest_of(raw): raw for raw in raws}
            back: list[bytes] = []
            if self._shown.newest:
                back = [
                    raw for raw in raws if was_given_back(raw) and digest_of(raw) not in self._shown.known
                ]
                victims = list(by_digest.keys() - {digest_of(raw) for raw in back})
            else:
                victims = [digest for digest in by_digest if digest in self._shown.known]
            if victims:
                taken = self._take(passed + len(raws), victims)
                if taken:
                    return [by_digest[digest] for digest in taken]
                if taken is None:
                    self.given_back += len(back)
                    return []
                if raws != before:
                    # Workers took all of them just now: look at what has come into their places.
                    before = raws
                    continue
            self.given_back += len(back)
            passed += len(raws)
        return []

    def _take(self, depth: int, victims: Sequence[str]) -> list[str] | None:
        """Take away those that were shown, looking so deep; None where no more of those is there."""
        edges = self._shown.newest
        while True:
            with acting(self._layout, f"{counted(len(victims))} more may be gone"):
                edge, *taken = self._client.evalsha(
                    self._digest, 1, self._key, depth, self._hint, _REACH, len(edges), *edges, *victims
                )
            if edge >= 0:
                self._hint = max(0, edge - _REACH // 4)
                return [digest.decode() for digest in taken]
            at = self._edge()
            if at is None:
                return None
            self._hint = max(0, at - _REACH // 4)

    def _edge(self) -> int | None:
        """Return the place of the newest message that was shown and is still there, from the newest on."""
        newest, passed = frozenset(self._shown.newest), 0
        while raws := self._client.lrange(self._key, passed, passed + _PAGE - 1):
            for number, raw in enumerate(raws):
                if digest_of(raw) in newest:
                    return passed + number
            passed += len(raws)
        return None
