"""Text as an attacker would send it, fixed and drawn at random, and how to tell that it got out raw."""

# ruff: noqa: E501 - tables of attacks read best on one line each
from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

MARK: Final = "7357"
"""Is in every escape sequence of the corpus: no terminal library ever writes it."""

CORPUS: Final[dict[str, str]] = {
    "osc52 bel": "\x1b]52;c;7357ZXZpbA==\x07",
    "osc52 st": "\x1b]52;c;7357ZXZpbA==\x1b\\",
    "osc8": "\x1b]8;;http://evil.example/7357\x1b\\click\x1b]8;;\x1b\\",
    "title": "\x1b]0;7357 owned\x07",
    "dcs": "\x1bP+q7357\x1b\\",
    "apc": "\x1b_G7357\x1b\\",
    "sgr": "\x1b[7357m",
    "cursor": "\x1b[7357;7357H",
    "private mode": "\x1b[?7357h",
    "report": "\x1b[7357n\x1b[c\x05",
    "c1 csi": "\x9b7357m",
    "c1 osc": "\x9d52;c;7357\x9c",
    "charset": "\x1b(0\x0e7357\x0f",
    "reset": "\x1bc7357\x1b[!p",
    "bidi": "abc\u202e7357\u2066fdp.exe\u2069",
    "zero width": "ad\u200bmin\u200d\u2060\ufeff\u00ad7357",
    "tags": "\U000e0041\U000e007f7357",
    "fillers": "\u3164\u115f\uffa0\u034f7357\ufe0f",
    "combining flood": "Z" + "\u0300\u0489\u20dd" * 400 + "7357",
    "separators": "a\u2028b\u2029c\x857357",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f7357",
    "nul": "a\x00b7357",
    "surrogates": "\ud800x\udfff7357\udc9b",
    "private use": "\ue000\U0010fffd7357",
    "markup": "[/bold][@click=app.quit]7357[/][link=file:///etc/passwd]x[/link][red",
    "markup alone": "[/]",
    "backslashes": "\\[7357\\x1b[31m\\",
    "template": "{0}{x!r}%s%(a)d$(id)`id`7357",
    "formula": '=HYPERLINK("http://evil.example/7357","x")',
    "dde": "@SUM(1+1)*cmd|' /C calc'!A0 7357",
    "sql": "'; DROP TABLE earthgazer.captures; -- 7357",
    "path": "../../../../etc/7357\n/absolute",
    "newlines": "one\r\ntwo\rthree\n\n\n7357",
    "wide": "表情🏳\ufe0f\u200d🌈👩\u200d🚀7357",
    "empty": "",
    "blank": " \t\u00a0\u2003 ",
    "number": "12345678901234567890123456789",
    "nan": "nan",
    "long word": "7357" * 50_000,
    "long osc": "\x1b]52;c;" + "7357" * 20_000,
}
"""Fixed texts by what they try."""

HUGE: Final = "\x1b[7357m" * 1_500_000
"""More than ten megabytes."""

_PIECES: Final = (
    "\x1b", "\x9b", "\x9d", "\x90", "]52;c;", "[", "31m", "\x07", "\x1b\\", "\u202e", "\u200b", "\u0301",
    "\n", "\r", "\t", "\x00", "\ud800", "[/", "]", "[bold]", "\\", "'", '"', "{", "}", "=", "%s", "表", "🚀", "a ",
)  # fmt: skip

_ALLOWED: Final = re.compile(
    r"\x1b\[[0-9;:]*m"
    r"|\x1b\[[0-9;]*[HABCDGdfJKXPLMrSTsu]"
    r"|\x1b\[\?[0-9;]*(?:\$p|[hlu])"
    r"|\x1b\[[<>=][0-9;]*u"
    r"|\x1b\[[0-9;]*[cnt]"
    r"|\x1b\[>[0-9;]*[qcm]"
    r"|\x1b[78=>]"
    r"|\x1b\[[0-9]* q"
    r"|\x1b\(B|\x0f"
    r"|\x1b\]22;(?:default|pointer|text)\x07"
)
"""What Textual writes to drive a terminal; nothing with a text in it."""
_COPIED: Final = re.compile(r"\x1b\]52;c;[A-Za-z0-9+/=]*\x07")
"""The clipboard, which only the key for it may write."""
_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKED: Final = re.compile(rf"\x1b\[[?<=>]?[0-9;]*{MARK}")
_FLOOD: Final = 5


def random_texts(seed: int) -> Iterator[str]:
    """Yield texts without end, the fixed ones among them; equal seeds, equal texts."""
    dice = random.Random(seed)
    fixed = list(CORPUS.values())
    while True:
        if dice.random() < 0.3:
            yield dice.choice(fixed)
        else:
            pieces = [
                dice.choice(_PIECES) if dice.random() < 0.7 else chr(dice.choice(_POINTS))
                for _ in range(dice.randint(0, 40))
            ]
            yield "".join(pieces)


_POINTS: Final = [
    *range(0x3000),
    *range(0xD7F0, 0xE010),
    *range(0xFE00, 0x10000),
    *range(0xE0000, 0xE0200),
]


def storable(text: str) -> str:
    """Return a text as Postgres takes it: without NUL and lone surrogates."""
    return "".join(char for char in text if char != "\x00" and not 0xD800 <= ord(char) <= 0xDFFF)


def violations(output: bytes, *, is_copying: bool = False, lines: str = "\r\n") -> list[str]:
    """Return what in the bytes written to a terminal came from others and steers it, or hides; none is well.

    Args:
        output: Everything that was written.
        is_copying: Whether the key that copies was pressed.
        lines: Control characters that may stand by themselves.
    """
    try:
        text = output.decode()
    except UnicodeDecodeError as error:
        return [f"no UTF-8 at {error.start}: {output[max(0, error.start - 20) : error.start + 20]!r}"]
    found = [f"marked sequence {match[0]!r}" for match in _MARKED.finditer(text)]
    if is_copying:
        text = _COPIED.sub("", text)
    text = _ALLOWED.sub("", text)
    marks = 0
    for at, char in enumerate(text):
        if " " <= char <= "~":
            marks = 0
            continue
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if (category in _STEERING and char not in lines) or marks >= _FLOOD:
            found.append(f"{char!r} in {text[max(0, at - 25) : at + 25]!r}")
            if len(found) > 20:
                break
    return found
