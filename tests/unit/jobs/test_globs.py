"""Path globs: what they match, and that none takes long."""

from __future__ import annotations

import itertools
import time

import pytest

from vae_core.jobs.globs import glob_matcher, literal_head


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("**/*.jpg", ["a.jpg", "x/a.jpg", "x/y/.h/.a.jpg", "x//a.jpg", "a\nb.jpg"], ["a.JPG", "a.jpg.png", "a.jpg/"]),
        ("*.jpg", ["a.jpg", ".jpg"], ["x/a.jpg", "/a.jpg"]),
        ("x/**/y/*", ["x/y/a", "x/b/y/a", "x/y/y/a", "x/y/c/y/a"], ["x/a", "y/a", "x/y", "x/y/a/b"]),
        ("x/**", ["x/a", "x/a/b", "x/"], ["x", "xy/a"]),
        ("**", ["a", "a/b", ""], []),
        ("**/**/a", ["a", "b/a", "b/c/a"], ["ab"]),
        ("20[0-9][0-9]-*/[!.]?", ["2024-1/ab", "2024-/a."], ["2024-1/.b", "20xx-1/ab", "2024-1/abc"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("[*]", ["*"], ["a"]),
        ("{a,b}*", ["{a,b}c"], ["ac"]),
    ],
)
def test_key_matches_as_in_a_shell(glob: str, matching: list[str], others: list[str]) -> None:
    matches = glob_matcher(glob)
    assert [key for key in [*matching, *others] if matches(key)] == matching


def test_matching_is_that_of_trying_every_way_when_there_are_several_folders() -> None:
    """Against the definition: `**` is left out, or takes one segment more."""

    def defined(glob: list[str], key: list[str]) -> bool:
        if not glob:
            return not key
        if glob[0] == "**":
            return defined(glob[1:], key) or (bool(key) and defined(glob, key[1:]))
        return bool(key) and glob[0] == key[0] and defined(glob[1:], key[1:])

    for length in range(1, 5):
        for glob in itertools.product(["a", "b", "**"], repeat=length):
            if glob[-1] == "**":
                continue
            matches = glob_matcher("/".join(glob))
            for key_length in range(1, 6):
                for key in itertools.product("ab", repeat=key_length):
                    assert matches("/".join(key)) == defined([*glob], [*key]), (glob, key)


def test_no_glob_takes_long_when_it_is_made_to() -> None:
    key = "a/" * 300 + "x.png"
    began = time.process_time()
    for glob in ("**/a/" * 60 + "*.jpg", "/".join(["*a*a*a*b"] * 50), "**/" + "*a" * 400 + "/*.jpg"):
        assert not glob_matcher(glob)(key)
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("glob", "head"), [("a/b*/c", "a/b"), ("**/*", ""), ("a/b", "a/b"), ("a?", "a"), ("a[b]", "a"), ("a\\*", "a\\")]
)
def test_head_is_what_comes_before_the_first_sign(glob: str, head: str) -> None:
    assert literal_head(glob) == head
