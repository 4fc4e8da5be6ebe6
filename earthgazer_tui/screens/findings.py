"""Findings of Doctor in full: evidence and fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from earthgazer_tui.fleet.models import Finding
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.widgets.finding_facts import finding_facts


class Findings(SteadyDialog[bool]):
    """Lists findings in full, the worst first; says so where there are none. Returns whether to mend them."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "leave", "Close", id="findings.leave", tooltip="Close"),
        Binding("y", "copy", "Copy", id="findings.copy", tooltip="Copy what mends it"),
        Binding("F", "mend", "Fix", id="findings.mend", tooltip="Do what mends it, where the console can"),
    ]

    def __init__(
        self, title: str, findings: Sequence[Finding], healthy: str, *, can_mend: bool = False
    ) -> None:
        super().__init__()
        self.title_text = title
        self.findings = tuple(findings)
        self.healthy = healthy
        self.can_mend = can_mend

    def compose(self) -> ComposeResult:
        """Make a block for each finding."""
        with Vertical(id="dialog"):
            yield Static(Content(self.title_text), id="title", markup=False)
            with VerticalScroll(id="lines"):
                blocks = [finding_facts(one) for one in self.findings]
                healthy = Content.styled(f"✓ {self.healthy}", "$success")
                yield Static(Content("\n\n").join(blocks or [healthy]), markup=False)
            keys = [(("esc", "bold reverse"), "  Close")]
            if self.findings:
                keys.append((("y", "bold reverse"), "  Copy the fix"))
            if self.can_mend:
                keys.append((("F", "bold reverse"), "  Mend it"))
            yield Static(
                Content("   ").join(Content.assemble(*key) for key in keys), id="options", markup=False
            )

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one("#lines").focus()

    def action_copy(self) -> None:
        """Copy what mends it."""
        if self.findings:
            self.app.copy_to_clipboard("\n".join(one.fix for one in self.findings))
            self.notify("Copied the fix.", timeout=2, markup=False)

    def action_mend(self) -> None:
        """Have it mended."""
        if self.can_mend:
            self.dismiss(True)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(False)
