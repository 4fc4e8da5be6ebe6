"""The base of all main and detail screens of the console."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import ScreenResume
from textual.timer import Timer
from textual.types import CSSPathType

from earthgazer_tui.commands.common import Freeze
from earthgazer_tui.fleet.errors import FilterError, FleetError
from earthgazer_tui.fleet.models import Badges, ServiceState, Snapshot
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.screens.commanding import ALWAYS_SHOWN, CommandingScreen
from earthgazer_tui.screens.frame import banner_text, header_state, wait_text
from earthgazer_tui.screens.palette import palette_provider
from earthgazer_tui.state.pace import Pace
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.banner import Banner
from earthgazer_tui.widgets.filter_bar import FilterBar
from earthgazer_tui.widgets.filter_note import FilterNote
from earthgazer_tui.widgets.key_bar import KeyBar
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.status_header import StatusHeader


class FleetScreen(CommandingScreen):
    """A screen over a fleet: header, banner, body and keys; looking again while it is active.

    A subclass says its commands in ``OWN_COMMANDS`` and overrides :meth:`compose_body`, and of
    :meth:`show_snapshot`, :meth:`refresh_data` and :meth:`subjects` what it needs.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = "base.tcss"
    COMMANDS = {palette_provider}  # noqa: RUF012 - Textual declares it so
    NEEDS: ClassVar[tuple[str, ...]] = ("broker",)
    """Services (``broker``, ``database``) without which what it shows is old."""
    WITHOUT_DATABASE: ClassVar[str] = ""
    """What it shows where there is no database; empty for nothing."""
    SNAPSHOT_S: ClassVar[float] = 0.5
    """Seconds between two snapshots shown, in the long run; the newest wins."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._trouble = ""
        self._pace = Pace(self.SNAPSHOT_S)
        self._show_timer: Timer | None = None
        self._is_refreshing = False
        self._is_loaded = False
        self._outside: frozenset[str] | None = None
        self._badges_before: Badges | None = None
        self._has_rested = False

    def compose(self) -> ComposeResult:
        """Make the frame around the body."""
        # Before it is first styled and laid out: Textual does so only after that, and everything twice.
        size = self.app.size
        self.add_class(
            *self._get_breakpoint_classes(size.width, self.HORIZONTAL_BREAKPOINTS or []),
            *self._get_breakpoint_classes(size.height, self.VERTICAL_BREAKPOINTS or []),
        )
        yield StatusHeader()
        yield Banner()
        if self.CAN_FILTER:
            yield FilterBar(self.FILTER_HINT)
            yield FilterNote()
        with Vertical(id="body"):
            yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Make what is between banner and keys; for subclasses."""
        yield from ()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what of the snapshot belongs here; for subclasses."""

    def is_answered(self, snapshot: Snapshot) -> bool:
        """Return whether an empty list means that there is nothing; for subclasses."""
        return self._is_loaded

    async def refresh_data(self) -> None:
        """Ask the fleet for what isn't in the snapshot and show it; for subclasses.

        Called about once a second while the screen is active. A :class:`FleetError` may pass: it is
        shown in the banner until it is over.
        """

    def on_mount(self) -> None:
        """Follow the store and start looking."""
        # All parts were styled as they were made.
        self._outside, self._css_update_count = self._around(), self.app._css_update_count
        store = self.session.store
        store.shown.subscribe(self, lambda _: self._take_snapshot())
        store.freeze_changed.subscribe(self, lambda _: self._show_frame())
        self.set_interval(self.session.refresh_s, self._tick)
        self._show_keys()

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Show the newest as soon as the screen is in front."""
        event.refresh_styles = self._is_styled_otherwise()
        self._show_latest()
        self._poll()

    def _is_styled_otherwise(self) -> bool:
        """Return whether styles may have changed since the screen was in front last.

        Textual styles everything anew on each return, which takes a table all its rendered rows besides.
        What changes within a hidden screen is styled at once; only what is outside of it is left.
        """
        before, self._outside = self._outside, self._around()
        return self._outside != before or self._css_update_count != self.app._css_update_count

    def _around(self) -> frozenset[str]:
        return frozenset({*self.app.classes, *self.app.pseudo_classes})

    def _compositor_refresh(self) -> None:
        """Paint, unless nothing is shown of it: after a batch everything is painted anyway."""
        if not self.app._batch_count:
            super()._compositor_refresh()

    def action_refresh_now(self) -> None:
        """Ask the fleet again at once."""
        if self._stands_still:
            key = Freeze.shown_key(self.session.keys)
            self.notify(f"The view is frozen; {key} lets it go on.", timeout=3, markup=False)
        else:
            self._refresh()

    def look_again(self) -> None:
        """Show what became of something that was done; a frozen view stays as it is."""
        if not self._stands_still:
            self._refresh()

    def action_freeze(self) -> None:
        """Freeze the view, or let it go on."""
        store = self.session.store
        if store.is_frozen:
            store.thaw()
            self._poll()
            return
        store.freeze()
        if self._is_loaded:
            # What is on its way would change what is to stand still.
            self.workers.cancel_group(self, "refresh")

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        for table in self.query(LineTable):
            if table.all_matching:
                table.clear_marks()
        self._refresh()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        table = self._table()
        if table is not None:
            table.focus()

    @property
    def _stands_still(self) -> bool:
        """Whether the view is frozen; what was never shown is looked at once all the same."""
        return self.session.store.is_frozen and self._is_loaded

    def _take_snapshot(self) -> None:
        if not self.is_active or self._show_timer is not None:
            return
        wait = self._pace.wait_s()
        if wait <= 0:
            self._show_latest()
        else:
            self._show_timer = self.set_timer(wait, self._show_latest)

    def _show_latest(self) -> None:
        self._show_timer = None
        snapshot = self.session.store.snapshot
        if snapshot is None or not self.is_active:
            return
        self._pace.spend()
        self._show_frame()
        self.show_snapshot(snapshot)

    def _show_keys(self) -> None:
        always = sum(command in ALWAYS_SHOWN for command in self.commands)
        self.query_one(KeyBar).show_keys(list(self._footer_keys()), always)

    def _show_frame(self) -> None:
        snapshot = self.session.store.snapshot
        if snapshot is None:
            return
        self._show_keys()
        self.query_one(StatusHeader).show_state(header_state(snapshot, self.session, self.app.current_mode))
        text, severity = banner_text(
            snapshot, self.NEEDS, self._trouble, with_keys(self.WITHOUT_DATABASE, self.session.keys)
        )
        self.query_one(Banner).show_text(text, severity)
        services = [getattr(snapshot, name).state for name in self.NEEDS]
        self.query_one("#body").set_class(ServiceState.DOWN in services, "-stale")
        wait = wait_text(snapshot, self.NEEDS, is_answered=self.is_answered(snapshot))
        for table in self.query(LineTable):
            table.show_wait(wait)

    def _tick(self) -> None:
        """Look again; where nothing waits, runs or has changed, only every other time."""
        if not self.is_active:
            return
        snapshot = self.session.store.snapshot
        badges, before = None if snapshot is None else snapshot.badges, self._badges_before
        self._badges_before = badges
        is_quiet = badges is not None and badges == before and not (badges.tasks or badges.queues)
        self._has_rested = is_quiet and not self._has_rested
        if not self._has_rested:
            self._poll()

    def _poll(self) -> None:
        if not self.is_active or self._is_refreshing:
            return
        if self._stands_still:
            self._show_frame()
        else:
            self._refresh()

    @work(exclusive=True, group="refresh")
    async def _refresh(self) -> None:
        self._is_refreshing = True
        trouble = ""
        misread: FilterError | None = None
        try:
            await self.refresh_data()
            self._note_loaded()
        except FilterError as error:
            misread = error
        except FleetError as error:
            trouble = str(error)
        finally:
            self._is_refreshing = False
        if self.CAN_FILTER:
            self._show_misread(misread)
        if trouble != self._trouble:
            self._trouble = trouble
            self._show_frame()

    def _note_loaded(self) -> None:
        if not self._is_loaded:
            self._is_loaded = True
            self._show_frame()

    def _show_misread(self, error: FilterError | None) -> None:
        note = self.query_one(FilterNote)
        if error is None:
            note.clear()
        else:
            note.show_reason(error.reason, self.query_one(FilterBar).cell_of(error.position))
