"""``python -m earthgazer_core.cli``: the same as ``earthgazer``."""

from earthgazer_core.cli.main import main

main()
