"""Names of keys: as Textual knows them, as people know them, and which there are."""

from __future__ import annotations

import unicodedata

from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, Keys, format_key, key_to_character

MODIFIERS = ("ctrl", "alt", "shift", "super")
SHOWN = {"ctrl+@": "^space", "enter": "enter", "backspace": "backspace"}
"""Keys that Textual would show with a sign that not every font has, or that nobody finds on a keyboard."""
_NAMED = {key.value for key in Keys if key.value.isalnum()}


def key_name(key: str) -> str:
    """Return a key as people know it: ``^r`` of ``ctrl+r``, ``?`` of ``question_mark``."""
    if key in SHOWN:
        return SHOWN[key]
    modifiers, plus, last = key.rpartition("+")
    return f"{modifiers}{plus}{SHOWN.get(last) or format_key(last)}".replace("ctrl+", "^")


def is_printable(key: str) -> bool:
    """Return whether a key, by Textual's name, types a character."""
    return "+" not in key and (key in REPLACED_KEYS or key_to_character(key) is not None)


def key_of(name: str) -> str | None:
    """Return Textual's name of a key, None where there is no such key.

    Args:
        name: A character such as ``R`` or ``?``, or a name such as ``f5``, ``ctrl+r`` or ``question_mark``.
    """
    *modifiers, last = [name] if len(name) == 1 else name.split("+")
    if name.lower() == "ctrl+@":
        # What a terminal sends for ctrl and space has no other name.
        return "ctrl+@"
    if not set(modifiers) <= set(MODIFIERS):
        return None
    if len(last) > 1:
        last = last.lower()
        key = last if last in _NAMED or last in REPLACED_KEYS or key_to_character(last) else None
    elif modifiers == ["shift"] and last.isalpha():
        return last.upper()
    else:
        key = _character_key(last.lower() if modifiers else last)
    return None if key is None else "+".join([*sorted(modifiers, key=MODIFIERS.index), key])


def _character_key(character: str) -> str | None:
    if character.isalnum():
        return character
    if not character or character.isspace():
        return None
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    key = KEY_NAME_REPLACEMENTS.get(name, name)
    return key if key in REPLACED_KEYS or key_to_character(key) == character else None
