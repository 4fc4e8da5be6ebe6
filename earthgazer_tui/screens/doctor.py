"""Doctor: what is wrong with the fleet, with evidence and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.doctor import ApplyRemedy, LookAgain, OpenFinding
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import CheckProgress, Diagnosis, Finding, Severity
from earthgazer_tui.screens.mending import MendingScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.finding_facts import finding_facts, severity_mark
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.wording import counted, span


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as listed."""

    place: int
    """Its place among the findings."""
    finding: Finding
    """The finding."""


COLUMNS: tuple[Column[FindingLine], ...] = (
    Column(
        "severity", "Severity", 10, lambda line: severity_mark(line.finding.severity),
        sort_key=lambda line: line.place,
    ),
    Column(
        "subject", "What", None, lambda line: line.finding.subject,
        sort_key=lambda line: line.finding.subject, min_width=18, max_width=36,
    ),
    Column("fix", "Key", 3, lambda line: Content.styled("F" if line.finding.remedy else "", "bold $accent")),
    Column("evidence", "Evidence", None, lambda line: line.finding.evidence, min_width=24),
)  # fmt: skip


class DoctorScreen(MendingScreen):
    """Looks once when it is first shown and then on demand; the finding under the cursor in full below."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "doctor.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (OpenFinding, ApplyRemedy, LookAgain)
    NEEDS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.diagnosis: Diagnosis | None = None
        self._is_wanted = True
        self._is_looking = False

    def compose_body(self) -> ComposeResult:
        """Make the line that tells how far it is, the list and the pane below it."""
        yield Lines(id="progress")
        yield LineTable(
            COLUMNS,
            key=lambda line: (line.place, line.finding.check, line.finding.subject),
            id="findings",
        )
        yield Lines(id="finding")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._findings.focus()

    async def refresh_data(self) -> None:
        """Look, where that was asked for."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        self._is_looking = True
        try:
            self.diagnosis = await self.session.fleet.diagnose(self._show_progress)
        except FleetError as error:
            # Not for the banner: the next poll, which asks nothing, would clear it.
            self.query_one("#progress", Lines).show(
                Content.styled(f"✗ {error}; {self._again_key} looks again", "bold $error")
            )
        else:
            self._show_diagnosis(self.diagnosis)
        finally:
            self._is_looking = False

    def action_refresh_now(self) -> None:
        """Look again, unless that is being done."""
        if not self._is_looking:
            self._is_wanted = True
            super().action_refresh_now()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen findings."""
        return [line.finding for line in self._findings.chosen]

    def look_again(self) -> None:
        """Look again after something was mended."""
        self._is_wanted = True
        super().look_again()

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._findings.action_open()

    def text_to_copy(self) -> str:
        """Return what mends the finding under the cursor."""
        return "\n".join(line.finding.fix for line in self._findings.chosen)

    def _show_progress(self, progress: CheckProgress) -> None:
        # It may be told after the screen has gone.
        for lines in self.query("#progress").results(Lines):
            lines.show(
                Content.assemble(
                    (f"… {progress.done}/{progress.total}", "bold $warning"), f"  {progress.question}"
                )
            )

    def _show_diagnosis(self, diagnosis: Diagnosis) -> None:
        self.query_one("#progress", Lines).show(summary(diagnosis, datetime.now(UTC), self._again_key))
        self._findings.show_rows([FindingLine(*item) for item in enumerate(diagnosis.findings)])
        self._show_finding()

    @on(LineTable.CursorMoved, "#findings")
    def _show_finding(self) -> None:
        line = self._findings.cursor_row
        self.query_one("#finding", Lines).show(Content("") if line is None else finding_facts(line.finding))

    @on(LineTable.Opened, "#findings")
    def _open(self, event: LineTable.Opened) -> None:
        finding = event.row.finding
        self.show_findings(finding.subject, [finding], "")

    @property
    def _again_key(self) -> str:
        return LookAgain.shown_key(self.session.keys)

    @property
    def _findings(self) -> LineTable[FindingLine]:
        return self.query_one("#findings", LineTable)


def summary(diagnosis: Diagnosis, now: datetime, key: str) -> Content:
    """Return what came of a look in one line, with the key that looks again."""
    when = (
        f"  {counted(diagnosis.checks, 'check')} in {span(diagnosis.elapsed_s)},"
        f" at {now:%H:%M:%S} UTC; {key} looks again"
    )
    if not diagnosis.findings:
        return Content.assemble(("✓ Nothing is wrong.", "bold $success"), (when, "$text-muted"))
    critical = sum(one.severity is Severity.CRITICAL for one in diagnosis.findings)
    style = "bold $error" if critical else "bold $warning"
    told = counted(len(diagnosis.findings), "finding") + (f", {critical} critical" if critical else "")
    return Content.assemble((told, style), (when, "$text-muted"))
