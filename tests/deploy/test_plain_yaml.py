"""The reader of compose files reads their part of YAML and refuses what readers of YAML disagree about."""

from __future__ import annotations

import pytest

from tests.deploy import plain_yaml

TEXT = """
a: &x
  one: 1
  two: 2
b:
  <<: *x
  two: ["y", 3]
  list:
    - k: v
      w: true
    - plain ${A:?text}:/x
    - "no"
  empty: {}
"""


def test_plain_yaml_is_read() -> None:
    assert plain_yaml.loads(TEXT) == {
        "a": {"one": 1, "two": 2},
        "b": {
            "one": 1,
            "two": ["y", 3],
            "list": [{"k": "v", "w": True}, "plain ${A:?text}:/x", "no"],
            "empty": {},
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        *("a: yes", "a: 1:30", "a: 0x1f", "a: 1.5", "a: 1e3", "a: 'no'", "a: -x", "a: b #c", "a: &"),
        *("a: {b: 1}", "a: [x]", "a: |", "a:", "a: b: c", "a: 1\na: 2", "a:\tb", "a: b ", "a: 1\n  b: 2", "word"),
    ],
)
def test_what_readers_of_yaml_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(plain_yaml.NotPlainError):
        plain_yaml.loads(text)
