"""Key names that are odd, and which places cannot hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_NO_FILE = "an empty segment, '.' or '..' names no file below a folder"
_BOTH = "a name cannot be both a file and a folder"
_LONG = "a name may have 255 bytes"
_FILES = ("folder", "rclone")  # rclone keeps each object as a file


class OddKey(NamedTuple):
    """not_held: the places that cannot hold it, each with the reason."""

    key: str
    what: str
    not_held: Mapping[str, str] = {}


def _in_files(reason: str) -> dict[str, str]:
    return dict.fromkeys(_FILES, reason)


ODD_KEYS = [
    OddKey("a b/c  d.png", "spaces"),
    OddKey(" lead and trail ", "spaces at both ends"),
    OddKey("pl+us.png", "a plus, which forms read as a space"),
    OddKey("per%cent%2Fsla%20sh.png", "what looks encoded already"),
    OddKey("ha#sh.png", "a fragment of an address"),
    OddKey("que?ry=1&two.png", "a query of an address"),
    OddKey("café.png", "composed letters, as Linux and Windows write them"),
    OddKey("cafe\u0301.png", "the same name to a reader, decomposed, as a Mac wrote it"),
    OddKey("日本語/🚗.png", "letters of three and four bytes"),
    OddKey("quo'te\"s`.png", "quotes"),
    OddKey("back\\slash.png", "a backslash, which Windows takes for a folder"),
    OddKey("<&>.png", "what XML escapes"),
    OddKey("]]></script><!--.png", "what would end a data block of the page early"),
    OddKey("*.png", "a glob"),
    OddKey("[a-z]{1,2}|$(x);.png", "what shells read"),
    OddKey("-rf.png", "an option"),
    OddKey("~x.png", "what marks a hashed name"),
    OddKey(".hidden/.png", "hidden names"),
    OddKey("CON.png", "a device"),
    OddKey("tab\tx.png", "a tab"),
    OddKey("control\x01.png", "a control character"),
    OddKey("escape\x1b[2J.png", "what clears a terminal"),
    OddKey("right\u202eto left.png", "what turns the direction of reading"),
    OddKey("pre", "the beginning of other names"),
    OddKey("prefix", "a longer one"),
    OddKey("pre.png", "named like the first one's output"),
    OddKey("b.png/c.png", "a folder that ends like an output"),
    OddKey("b.png%2Fc.png", "what the one before is encoded as"),
    OddKey("s" * 240 + ".png", "a segment over 200 bytes"),
    OddKey("/".join(["k" * 199] * 4 + ["k" * 196 + ".png"]), "a key of 1,000 bytes"),
    OddKey("line\nbreak.png", "a line break", {"moto": "it routes by a pattern that stops at a line break"}),
    OddKey("pre/x.png", "below what is a name itself", _in_files(_BOTH)),
    OddKey("pre.png/x.png", "below what is named like an output", _in_files(_BOTH)),
    OddKey("x//y.png", "an empty segment", _in_files(_NO_FILE)),
    OddKey("x/", "a folder marker with something in it", _in_files(_NO_FILE)),
    OddKey("../up.png", "a way out of a folder", _in_files(_NO_FILE)),
    OddKey("x/../../up.png", "a way out that begins inside", _in_files(_NO_FILE)),
    OddKey("x/./y.png", "a segment that means nothing", _in_files(_NO_FILE)),
    OddKey("n" * 896 + ".png", "a segment of 900 bytes", _in_files(_LONG)),
]
