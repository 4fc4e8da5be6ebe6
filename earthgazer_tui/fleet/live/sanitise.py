"""The one sanitiser: whatever comes from the broker, a worker or the database passes here on its way in.

Control characters, escape sequences, bidirectional and invisible characters, lone surrogates and
floods of combining marks become visible escapes, so that nothing but plain text reaches a terminal.
Doing it twice changes nothing.
"""

from __future__ import annotations

import re
import unicodedata

NAME_LIMIT = 200
"""Longest name (task, queue, worker) in characters."""
LINE_LIMIT = 500
"""Longest single line."""
TEXT_LIMIT = 200_000
"""Longest text of several lines, a traceback or arguments."""

_MAX_MARKS = 4
"""Combining marks on one character; Vietnamese, Thai and Devanagari need at most three."""
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that draw nothing, though their category says they would.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u034f") | {
    chr(point) for point in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_NOT_PLAIN = {True: re.compile(r"[^ -~\n]+"), False: re.compile(r"[^ -~]+")}
"""By whether line ends are kept."""
_WORD = re.compile(r"\S++")
_USERINFO = re.compile(r"://(?:(?!://)[^\s/?#])*+")
# A password with an unescaped slash or '?' is no valid URL, yet people configure it; these schemes
# have no '@' in their paths.
_SERVICE = re.compile(
    r"(?:rediss?|redis\+socket|socket|sentinel|amqps?|pyamqp|postgres(?:ql)?(?:\+\w{1,40})?)://",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^=&\s]++=?")
_VALUE = re.compile(r"[^&\s#]++")
_SECRET_NAME = re.compile(r"signature|sig|token|password|passwd|secret|credential|key", re.IGNORECASE)


def line(value: object, limit: int = LINE_LIMIT) -> str:
    """Return a value as one line of harmless text, cut to ``limit`` characters with an ellipsis."""
    text = value if isinstance(value, str) else str(value)
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return _cut(_escape(text[: limit + 1], keep_newlines=False), limit)


def name(value: object) -> str:
    """Return the name of a task, queue or worker as harmless text."""
    return line(value, NAME_LIMIT)


def optional(value: object, limit: int = LINE_LIMIT) -> str | None:
    """Return :func:`line` of a value, None of None."""
    return None if value is None else line(value, limit)


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Return a value as harmless text that keeps its line ends; tabs become four spaces."""
    raw = (value if isinstance(value, str) else str(value)).replace("\r\n", "\n").replace("\t", "    ")
    return _cut(_escape(raw[: limit + 1], keep_newlines=True), limit)


def without_credentials(value: str) -> str:
    """Return a text with user, password and signed parameters of the URLs in it hidden."""
    # Patterns that look at no letter twice: a worker may send a megabyte made to hold us up.
    hidden = _WORD.sub(_without_service_user, value) if "://" in value else value
    return _without_secret_parameters(hidden)


def url(value: object) -> str:
    """Return a URL as one harmless line without credentials."""
    return line(without_credentials(str(value)))


def _without_service_user(word: re.Match[str]) -> str:
    """Return a word with user and password of the URLs in it hidden."""
    text = word[0]
    if "://" not in text or "@" not in text:
        return text
    service, end = _SERVICE.search(text), text.rfind("@")
    if service is not None and end >= service.end():
        text = f"{text[: service.end()]}***{text[end:]}"
    return _USERINFO.sub(_without_user, text)


def _without_user(part: re.Match[str]) -> str:
    end = part[0].rfind("@")
    return part[0] if end < 0 else f"://***{part[0][end:]}"


def _without_secret_parameters(text: str) -> str:
    """Return a text with the values of a URL's parameters hidden whose name says that they are secret."""
    if "=" not in text or _SECRET_NAME.search(text) is None:
        return text
    out: list[str] = []
    done = at = 0
    while (part := _NAME.search(text, at)) is not None:
        at = part.end()
        name = part[0]
        if not name.endswith("="):
            continue
        if text[part.start() - 1 : part.start()] != "&":
            starts = [place for sign in "?;" if (place := name.find(sign)) >= 0]
            name = name[min(starts) + 1 :] if starts else ""
        value = _VALUE.match(text, at) if _SECRET_NAME.search(name) else None
        if value is not None:
            out += (text[done:at], "***")
            done = at = value.end()
    return "".join((*out, text[done:]))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(text: str, *, keep_newlines: bool) -> str:
    # Letter by letter only where it isn't plain: a long text would hold up everything else.
    return _NOT_PLAIN[keep_newlines].sub(
        lambda found: _escape_run(
            found[0], is_line_start=found.start() == 0 or text[found.start() - 1] == "\n"
        ),
        text,
    )


def _escape_run(run: str, *, is_line_start: bool) -> str:
    """Return characters that follow each other, none of them plain, as harmless text."""
    out: list[str] = []
    marks = 0
    for character in run:
        category = unicodedata.category(character)
        if category in ("Mn", "Me"):
            marks += 1
            # A mark with nothing before it would land on whatever the terminal drew there.
            too_many = marks > _MAX_MARKS or (is_line_start and not out)
            out.append(_code(character) if too_many or character in _INVISIBLE else character)
            continue
        marks = 0
        if category == "Zs":
            out.append(" ")
        elif category in _ESCAPED_CATEGORIES or character in _INVISIBLE:
            out.append(_NAMED.get(character) or _code(character))
        else:
            out.append(character)
    return "".join(out)


def _code(character: str) -> str:
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
