"""The config file of named fleets: what it may say, and what it must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.contexts import contexts_path, load_contexts, without_password
from earthgazer_core.errors import InvalidInputError

WHOLE = """
[contexts.production]
description = "the shop"
broker = "rediss://ops@redis.example:6380/2"
password_env = "SHOP_REDIS"
app = "shop.celery:app"
result_backend = "redis://redis.example/3"
read_only = true
colour = "red"

[contexts.local]
state_dir = "/srv/here"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "contexts.toml"
    monkeypatch.setenv("EARTHGAZER_CONFIG", str(tmp_path))
    path.touch(0o644)
    return path


def test_a_context_is_read_and_its_password_comes_from_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(WHOLE)
    production, local = load_contexts()
    assert (production.name, production.is_read_only, production.colour) == ("production", True, "red")
    assert local.state_dir == Path("/srv/here")
    with pytest.raises(InvalidInputError, match="the variable SHOP_REDIS is not set"):
        production.with_passwords()
    monkeypatch.setenv("SHOP_REDIS", "p@ss/word")
    filled = production.with_passwords()
    assert filled.broker == "rediss://ops:p%40ss%2Fword@redis.example:6380/2"
    assert "p%40ss" not in repr(filled)
    assert "redis.example" not in repr(production)


def test_a_password_in_the_file_is_for_its_owner_alone(file: Path) -> None:
    file.write_text('[contexts.a]\nbroker = "redis://:hunter2@host/0"\n')
    with pytest.raises(InvalidInputError, match=r"others can read it \(mode 0644\): chmod 600") as caught:
        load_contexts()
    assert "hunter2" not in str(caught.value)
    file.chmod(0o600)
    [context] = load_contexts()
    assert context.broker == "redis://:hunter2@host/0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[contexts.a", "end of a table declaration"),
        ("[context.a]\n", "'context' is unknown"),
        ("[contexts.a]\n", "expected a broker"),
        ('[contexts."a b"]\nbroker = "redis://h"\n', "name has letters"),
        ('[contexts.a]\nbrokr = "redis://h"\n', "'brokr' is unknown"),
        ('[contexts.a]\nbroker = "nonsense"\n', "a.broker: expected a URL"),
        ('[contexts.a]\nbroker = "redis://h"\nread_only = "yes"\n', "a.read_only: expected true or false"),
        ('[contexts.a]\nbroker = "redis://h"\ncolour = "mauve"\n', "a.colour: expected red"),
        ('[contexts.a]\napp = "not an app"\n', "a.app: expected MODULE"),
        ('[contexts.a]\napp = "x"\npassword_env = "P"\n', "no broker that it could be for"),
        ('[contexts.a]\nbroker = "redis://:x@h"\npassword_env = "P"\n', "names another"),
        ('[contexts.a]\nbroker = "redis://h"\nstate_dir = "/x"\n', "of its own"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=reason):
        load_contexts()


def test_no_file_is_no_context_and_a_named_one_has_to_be_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.unlink()
    assert load_contexts() == ()
    monkeypatch.setenv("EARTHGAZER_CONFIG", str(file))
    assert contexts_path() == file
    with pytest.raises(InvalidInputError, match="which isn't there"):
        load_contexts()


def test_the_list_shows_no_password(file: Path) -> None:
    file.write_text(
        '[contexts.a]\nbroker = "redis://ann:hunter2@host/0?password=hunter2"\nread_only = true\n'
    )
    file.chmod(0o600)
    for options in (["--json"], []):
        result = CliRunner().invoke(cli, ["contexts", "list", *options])
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output
    listed = json.loads(CliRunner().invoke(cli, ["contexts", "list", "--json"]).stdout)
    assert listed[0]["broker"] == "redis://ann:***@host/0?password=***"
    assert without_password("redis://host/0") == "redis://host/0"
