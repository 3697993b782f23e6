"""Path globs, matched segment by segment: `*` and `?` stay within one, `**` is any number of folders."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_FOLDERS = "**"
_LITERAL = re.compile(r"[^*?\[]*")


def glob_matcher(glob: str) -> Callable[[str], bool]:
    """Whether a key matches. Hidden names count, case is told apart, and `[*]` is a `*`.

    The time is at most the product of both lengths. One regular expression for all of a glob, which libraries make of
    it, can take time without end where several `**` stand in it, and globs come from users.
    """
    segments = glob.split("/")
    if segments[-1] == _FOLDERS:
        segments.append("*")  # what lies in the folders, not they
    steps = [None if segment == _FOLDERS else re.compile(fnmatch.translate(segment)).match for segment in segments]

    def matches(key: str) -> bool:
        names = key.split("/")
        at = step = 0
        folders_at, folders_step = 0, -1  # the last `**`, and the first name that is not among its folders
        while at < len(names):
            if step < len(steps):
                match = steps[step]
                if match is None:
                    folders_at, folders_step = at, step
                    step += 1
                    continue
                if match(names[at]):
                    at += 1
                    step += 1
                    continue
            if folders_step < 0:
                return False
            folders_at += 1  # one folder more for it, and from there again
            at, step = folders_at, folders_step + 1
        return step == len(steps)

    return matches


def literal_head(glob: str) -> str:
    """What every key that the glob matches begins with."""
    found = _LITERAL.match(glob)
    return found[0] if found else ""
