"""The compose file: what it promises about secrets, ports, health and the commands that tests run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.stack.profiles import CELERY_APP, beat_command

COMPOSE = Path(__file__).resolve().parent.parent / "docker-compose.yml"
SECRETS = ("REDIS_PASSWORD", "POSTGRES_PASSWORD", "RECORDER_ENCRYPTION_KEY")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the file."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return loaded


def test_nothing_is_published_beyond_loopback(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_nothing_starts_without_its_secrets() -> None:
    text = COMPOSE.read_text()
    for secret in SECRETS:
        used = text.count("${" + secret)
        assert used > 0
        assert used == text.count("${" + secret + ":?")


def test_every_service_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"migrate"}


@pytest.mark.parametrize("name", ["migrate", "worker-io", "worker-cpu"])
def test_the_commands_are_those_of_the_command_line(services: dict[str, Any], name: str) -> None:
    program, *words = services[name]["command"]
    assert program == "earthgazer"
    assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0


def test_beat_is_started_as_the_embedded_stack_starts_it(services: dict[str, Any]) -> None:
    ours = beat_command(CELERY_APP, "/data/beat-schedule")
    theirs = services["beat"]["command"]
    assert theirs == ["celery", *ours[ours.index("-A") : ours.index("--pidfile")]]


def test_the_password_of_the_broker_is_on_no_command_line(services: dict[str, Any]) -> None:
    script = services["redis"]["command"][-1]
    assert "--requirepass" not in script
    assert "exec valkey-server /run/valkey/valkey.conf" in script
    assert "appendonly yes" in script
