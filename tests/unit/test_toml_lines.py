"""The line of a key in a TOML file."""

import pytest

from model.toml_lines import line_of

SOURCE = """# insult = 1
name = '''
[thresholds.insult]
flag = 1'''
"quoted key" = 1
many = [
  { a = 1 },
  { a = 2 },
]

[thresholds.insult]  # flag = 2
flag = 0.5

[[overrides]]
[overrides.thresholds]
insult.flag = 0.1
[[overrides]]
game = "x"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("quoted key",), 5),
        (("many", 1, "a"), 6),
        (("thresholds",), 11),
        (("thresholds", "insult", "flag"), 12),
        (("thresholds", "insult", "block"), 11),
        (("overrides", 0), 14),
        (("overrides", 0, "thresholds", "insult", "flag"), 16),
        (("overrides", 1), 17),
        (("overrides", 1, "game"), 18),
        (("overrides", 2), 14),
        (("nothing", "at", "all"), 1),
        ((), 1),
    ],
)
def test_a_key_is_where_its_statement_begins_else_the_table_around_it(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(SOURCE, path) == line
