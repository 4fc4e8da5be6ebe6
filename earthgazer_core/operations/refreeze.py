"""Messages frozen anew: the same canvas under new ids. Pure values in, pure values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_IDS = ("task_id", "group_id", "root_id", "parent_id")
_OWN_IDS = ("id", "group", "root_id", "parent_id")
_OF_AN_ATTEMPT = ("attempt", "kills", "copy_of")
_RUN = "run_id"


def ids_of(headers: Mapping[str, Any], embed: Mapping[str, Any]) -> list[str]:
    """Return the ids of a message's task and group, and of all that is yet to come of it."""
    found = [headers["id"], headers.get("group")]
    for signature in _following(embed):
        _collect(signature, found)
    return list(dict.fromkeys(one for one in found if isinstance(one, str)))


def ids_within(signature: Any) -> frozenset[str]:
    """Return the ids of all tasks and groups of a signature, and of what is yet to come of them."""
    found: list[Any] = []
    _collect(signature, found)
    return frozenset(one for one in found if isinstance(one, str))


def renamed(
    headers: Mapping[str, Any], embed: Mapping[str, Any], names: Mapping[str, str], run_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return headers and future of a message with new ids, as the first attempt of a step of a run.

    Args:
        headers: Headers of the recorded message.
        embed: Third part of its body.
        names: Old id → new one; others stay.
        run_id: The run that it shall belong to; its stamp takes the place of the old run's.
    """
    fresh = {name: value for name, value in headers.items() if name not in _OF_AN_ATTEMPT}
    for name in _OWN_IDS:
        if isinstance(fresh.get(name), str):
            fresh[name] = names.get(fresh[name], fresh[name])
    stamps = {**(fresh.get("stamps") or {}), _RUN: run_id}
    fresh |= {_RUN: run_id, "stamps": stamps, "stamped_headers": list(stamps)}
    fresh |= {"attempt": 1, "copy_of": headers["id"]}
    return fresh, _renamed_embed(embed, names, run_id)


def renamed_signature(signature: Any, names: Mapping[str, str], run_id: str) -> Any:
    """Return a signature with new ids, and those inside it likewise."""
    if not isinstance(signature, Mapping):
        return signature
    options = dict(signature.get("options") or {})
    for name in _IDS:
        if isinstance(options.get(name), str):
            options[name] = names.get(options[name], options[name])
    for name in ("chord", "chain", "link", "link_error"):
        if options.get(name):
            options[name] = _each(options[name], names, run_id)
    if _RUN in options:
        options[_RUN] = run_id
    if isinstance(options.get("headers"), Mapping) and _RUN in options["headers"]:
        options["headers"] = {**options["headers"], _RUN: run_id}
    fresh = {**signature, "options": options}
    if signature.get("subtask_type") in ("chain", "group", "chord"):
        kwargs = dict(signature.get("kwargs") or {})
        for name in ("tasks", "header", "body"):
            if kwargs.get(name):
                kwargs[name] = _each(kwargs[name], names, run_id)
        fresh["kwargs"] = kwargs
    return fresh


def _renamed_embed(embed: Mapping[str, Any], names: Mapping[str, str], run_id: str) -> dict[str, Any]:
    return {name: _each(value, names, run_id) if value else value for name, value in embed.items()}


def _each(value: Any, names: Mapping[str, str], run_id: str) -> Any:
    if isinstance(value, list | tuple):
        return [renamed_signature(one, names, run_id) for one in value]
    return renamed_signature(value, names, run_id)


def _collect(signature: Any, found: list[Any]) -> None:
    if not isinstance(signature, Mapping):
        return
    options = signature.get("options") or {}
    found += [options.get("task_id"), options.get("group_id")]
    inside = list(_following({name: options.get(name) for name in ("chord", "chain", "link", "link_error")}))
    if signature.get("subtask_type") in ("chain", "group", "chord"):
        kwargs = signature.get("kwargs") or {}
        inside += _following({name: kwargs.get(name) for name in ("tasks", "header", "body")})
    for one in inside:
        _collect(one, found)


def _following(embed: Mapping[str, Any]) -> Sequence[Any]:
    found: list[Any] = []
    for value in embed.values():
        found += value if isinstance(value, list | tuple) else [value]
    return [one for one in found if one]
