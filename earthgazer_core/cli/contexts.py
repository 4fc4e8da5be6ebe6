"""``earthgazer contexts``: the named fleets of the config file."""

from __future__ import annotations

import click

from earthgazer_core.cli.output import emit, json_option, table


@click.group()
def contexts() -> None:
    """Named fleets for `earthgazer-tui --context NAME`."""


@contexts.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the contexts of the config file, without passwords."""
    from earthgazer_core.contexts import FleetContext, load_contexts, without_password

    def where(url: str | None) -> str | None:
        return None if url is None else without_password(url)

    def described(one: FleetContext) -> dict[str, object]:
        return {
            "name": one.name, "broker": where(one.broker), "database": where(one.database),
            "result_backend": where(one.result_backend), "app": one.app,
            "state_dir": None if one.state_dir is None else str(one.state_dir),
            "read_only": one.is_read_only, "colour": one.colour, "description": one.description,
        }  # fmt: skip

    found = [described(one) for one in load_contexts()]
    cells = [
        [
            one["name"], one["broker"] or one["app"] or one["state_dir"] or "",
            "read-only" if one["read_only"] else "", one["description"],
        ]
        for one in found
    ]  # fmt: skip
    emit(found, as_json, table(("name", "where", "", "description"), cells))
