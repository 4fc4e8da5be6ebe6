"""The console on Textual's own driver, as a peer: ``python -m tests.benchmarks.plain_console``."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

from earthgazer_tui import app
from earthgazer_tui.__main__ import main

if __name__ == "__main__":
    vars(app)["FrameDriver"] = LinuxDriver
    main()
