"""Where the operator's own files are: keys and contexts."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "EARTHGAZER_CONFIG"
"""Environment variable that names another directory."""


def config_directory() -> Path:
    """Return the directory, which need not exist: ``~/.config/earthgazer``, or what the variable names."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_config_path("earthgazer")
