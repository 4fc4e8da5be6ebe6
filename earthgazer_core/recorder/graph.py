"""The steps of a workflow as a message foretells them, published or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from earthgazer_core.recorder.redaction import Redactor

_DEEPEST = 60


class Forecast:
    """Collects the steps that one message and the signatures inside it tell of.

    A chain lists its remaining steps in reverse, and a chord its whole body; both nest. All carry
    the ids that their tasks will have.
    """

    def __init__(self, run_id: str, ordinal: int, redactor: Redactor, running: str | None) -> None:
        """Begin.

        Args:
            run_id: The run that the steps belong to.
            ordinal: Number of the first step; later ones count on.
            redactor: Says which signatures may be shown.
            running: Id of the task that is publishing. When it replaces itself, a later step has
                the same id; that one gets no edges, or the graph had a cycle.
        """
        self.steps: dict[str, dict[str, Any]] = {}
        self._run_id = run_id
        self._ordinal = ordinal
        self._redactor = redactor
        self._running = running

    def message(
        self,
        headers: Mapping[str, Any],
        embed: Mapping[str, Any],
        after: Iterable[str],
        *,
        is_announced: bool,
    ) -> None:
        """Add the step of a message, and what comes after it unless that ``is_announced`` already."""
        task_id = headers["id"]
        self._add(task_id, headers["task"], after, headers.get("group"), headers.get("group_index"))
        if not is_announced:
            self._follow([task_id], embed.get("chain"), embed.get("chord"), embed.get("callbacks"), 0)

    def _follow(self, ends: Sequence[str], chain: Any, chord: Any, links: Any, depth: int) -> Sequence[str]:
        for link in links or ():
            self._signature(link, ends, depth + 1)
        if isinstance(chord, Mapping):
            self._body(chord, ends, depth)
        for signature in reversed(chain or ()):
            ends = self._signature(signature, ends, depth + 1)
        return ends

    def _body(self, signature: Mapping[str, Any], headers: Sequence[str], depth: int) -> Sequence[str]:
        # A task that puts a chord in its place is known already: the chord's body has its id.
        known = set(self.steps) - {task_id for task_id, _ in first_steps(signature)}
        ends = self._signature(signature, headers, depth + 1)
        for task_id, step in self.steps.items():
            if task_id not in known and set(headers) <= set(step["after"]):
                step["chord_size"] = len(headers)
        return ends

    def _signature(self, signature: Any, after: Sequence[str], depth: int) -> Sequence[str]:
        if not isinstance(signature, Mapping) or depth > _DEEPEST:
            return after
        options = signature.get("options") or {}
        kwargs = signature.get("kwargs") or {}
        ends: Sequence[str]
        match signature.get("subtask_type"):
            case "chain":
                ends = after
                for task in kwargs.get("tasks") or ():
                    ends = self._signature(task, ends, depth + 1)
            case "group":
                ends = self._group(kwargs.get("tasks"), after, depth)
            case "chord":
                header = kwargs.get("header")
                tasks = (header.get("kwargs") or {}).get("tasks") if isinstance(header, Mapping) else header
                ends = self._body(kwargs.get("body") or {}, self._group(tasks, after, depth), depth)
            case _:
                task_id = options.get("task_id")
                if not isinstance(task_id, str):
                    return after
                self._add(
                    task_id,
                    str(signature.get("task")),
                    after,
                    options.get("group_id"),
                    options.get("group_index"),
                    signature,
                )
                ends = [task_id]
        return self._follow(ends, options.get("chain"), options.get("chord"), options.get("link"), depth)

    def _group(self, tasks: Any, after: Sequence[str], depth: int) -> Sequence[str]:
        if not isinstance(tasks, list | tuple):
            return after
        ends = [end for task in tasks for end in self._signature(task, after, depth + 1)]
        return list(dict.fromkeys(ends)) or after

    def _add(
        self,
        task_id: str,
        name: str,
        after: Iterable[str],
        group_id: Any,
        group_index: Any,
        signature: Mapping[str, Any] | None = None,
    ) -> None:
        before = [step for step in dict.fromkeys(after) if step != task_id]
        known = self.steps.get(task_id)
        if known is not None:
            known["after"] = list(dict.fromkeys([*known["after"], *before]))
            return
        self.steps[task_id] = {
            "run_id": self._run_id,
            "task_id": task_id,
            "name": name,
            "after": [] if task_id == self._running else before,
            "group_id": group_id,
            "group_index": group_index if isinstance(group_index, int) else None,
            "chord_size": None,
            "ordinal": self._ordinal + len(self.steps),
            "signature": None if signature is None else self._shown(signature),
        }

    def _shown(self, signature: Mapping[str, Any]) -> dict[str, Any] | None:
        name = str(signature.get("task"))
        args, kwargs = signature.get("args") or (), signature.get("kwargs") or {}
        options = signature.get("options") or {}
        if (
            "argsrepr" in options
            or "kwargsrepr" in options
            or self._redactor.mask_call(name, args, kwargs)[2]
        ):
            return None
        return {
            "task": name,
            "args": list(args),
            "kwargs": dict(kwargs),
            # Chains and chords inside would be stored once per member; their steps have rows of their own.
            "options": {
                key: value for key, value in options.items() if key not in ("chain", "chord", "link")
            },
            "immutable": bool(signature.get("immutable")),
        }


def chord_slots(headers: Mapping[str, Any], embed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the places in chords' headers that the success of a message is to fill.

    A place is ``{"group_id", "task_id", "group_index", "body"}``. It belongs to the message itself or,
    where a chain is the member of a header, to the chain's last step.
    """
    slots = []
    if isinstance(embed.get("chord"), Mapping) and headers.get("group"):
        slots.append(_slot(headers["group"], headers["id"], headers.get("group_index"), embed["chord"]))
    pending = list(embed.get("chain") or ())
    while pending:
        signature = pending.pop()
        if not isinstance(signature, Mapping):
            continue
        options = signature.get("options") or {}
        if isinstance(options.get("chord"), Mapping) and options.get("group_id"):
            slots.append(
                _slot(
                    options["group_id"], options.get("task_id"), options.get("group_index"), options["chord"]
                )
            )
        if signature.get("subtask_type") == "chord":
            # A chord among the steps is done when its body is, so a place may belong to that.
            pending.append((signature.get("kwargs") or {}).get("body"))
    return slots


def first_steps(signature: Any) -> list[tuple[str, str]]:
    """Return (id, name) of the tasks that a signature begins with."""
    if not isinstance(signature, Mapping):
        return []
    kwargs = signature.get("kwargs") or {}
    match signature.get("subtask_type"):
        case "chain":
            tasks = kwargs.get("tasks") or ()
            return first_steps(tasks[0]) if tasks else []
        case "group":
            return [step for task in kwargs.get("tasks") or () for step in first_steps(task)]
        case "chord":
            header = kwargs.get("header")
            tasks = (header.get("kwargs") or {}).get("tasks") if isinstance(header, Mapping) else header
            return [step for task in tasks or () for step in first_steps(task)]
    task_id = (signature.get("options") or {}).get("task_id")
    return [(task_id, str(signature.get("task")))] if isinstance(task_id, str) else []


def last_ids(signature: Any) -> list[str]:
    """Return the ids of the tasks that a signature ends with."""
    if not isinstance(signature, Mapping):
        return []
    kwargs = signature.get("kwargs") or {}
    match signature.get("subtask_type"):
        case "chain":
            return [one for task in (kwargs.get("tasks") or ())[-1:] for one in last_ids(task)]
        case "group":
            return [one for task in kwargs.get("tasks") or () for one in last_ids(task)]
        case "chord":
            return last_ids(kwargs.get("body"))
    task_id = (signature.get("options") or {}).get("task_id")
    return [task_id] if isinstance(task_id, str) else []


def _slot(group_id: str, task_id: Any, group_index: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"group_id": group_id, "task_id": task_id, "group_index": group_index, "body": body}
