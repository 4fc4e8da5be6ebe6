"""Screens of tasks that can be run again with other arguments, and that show a retry under way."""

from __future__ import annotations

from textual import work
from textual.content import Content

from earthgazer_tui.commands.retry import EditRetry
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import TaskRow
from earthgazer_tui.screens.explaining import ExplainingScreen
from earthgazer_tui.screens.retry_progress import RetryProgressDialog, bar_line
from earthgazer_tui.widgets.lines import Lines


class RetryingScreen(ExplainingScreen):
    """Base of the screens that have the commands of :mod:`earthgazer_tui.commands.retry`.

    A subclass yields ``Lines(id="under-way")`` where a retry that goes on is told.
    """

    def on_mount(self) -> None:
        """Look now and then how far a retry of many is."""
        self._show_under_way()
        self.set_interval(0.5, self._show_under_way)

    @work(group="command")
    async def action_edit_retry(self) -> None:
        """Change the arguments of a task, look at the difference, and send it as a copy."""
        from earthgazer_tui.screens.edit_arguments import EditArguments

        if EditRetry.id in self._busy:
            return
        title = EditRetry.title
        tasks: list[TaskRow] = list(self.subjects(EditRetry))
        if len(tasks) != 1:
            words = f"{len(tasks)} are chosen" if tasks else "Nothing is chosen"
            self.notify(
                f"{words}: arguments are changed of one task.", title=title, severity="warning", markup=False
            )
            return
        fleet = self.session.fleet
        self._busy.add(EditRetry.id)
        try:
            known = await fleet.editable_arguments(tasks[0].task_id)
            text = await self.app.push_screen_wait(EditArguments(fleet, known))
            if text is None:
                return
            result = await fleet.retry_edited(tasks[0].task_id, text)
        except FleetError as error:
            self.notify(str(error), title=title, severity="error", timeout=8, markup=False)
            return
        finally:
            self._busy.discard(EditRetry.id)
        self.notify(
            result.summary, title=title, severity="information" if result.is_ok else "error", markup=False
        )
        self.look_again()

    def action_show_bulk_retry(self) -> None:
        """Show how far the retry of many tasks is."""
        bulk = self.session.under_way.bulk
        if bulk is None:
            self.notify("No retry of many tasks was begun.", timeout=3, markup=False)
        else:
            self.app.push_screen(RetryProgressDialog(bulk))

    def _show_under_way(self) -> None:
        line = self.query_one("#under-way", Lines)
        bulk = self.session.under_way.running
        line.display = bulk is not None
        if bulk is not None:
            rate = f" at {bulk.order.rate}" if bulk.order.rate else ""
            line.show(
                Content.assemble(
                    ("Retrying", "bold $warning"),
                    f"{rate} ",
                    bar_line(bulk.progress),
                    ("  b shows, stops it", "$text-muted"),
                )
            )
