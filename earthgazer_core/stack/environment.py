"""The settings of an embedded stack as environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from earthgazer_core.stack.files import secret


def stack_variables(state_dir: Path, broker_url: str, database_url: str) -> dict[str, str]:
    """Return the variables that reach the stack; what the user set of the others, wins.

    Passwords are among them: they go into environments of our own processes, never on a command line.
    """
    ours = {
        "EARTHGAZER__CELERY__BROKER_URL": broker_url,
        "EARTHGAZER__CELERY__RESULT_BACKEND": broker_url,
        "EARTHGAZER__DATABASE__URL": database_url,
    }
    defaults = {
        "EARTHGAZER__STORAGE__DATA_PATH": str(state_dir / "data"),
        "EARTHGAZER__RECORDER__SPOOL_PATH": str(state_dir / "spool"),
        # A Fernet key is the padded base64 of 32 bytes, which is what a secret lacks only the padding of.
        "EARTHGAZER__RECORDER__ENCRYPTION_KEY": secret(state_dir, "recorder") + "=",
    }
    return {**ours, **{name: os.environ.get(name) or value for name, value in defaults.items()}}


def child_environment(variables: Mapping[str, str], marker: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a child."""
    # Progress bars and logs of a child land in a file: unbuffered, so that its last words are in it.
    return {**os.environ, **variables, **marker, "PYTHONUNBUFFERED": "1"}
