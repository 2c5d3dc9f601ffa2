from __future__ import annotations

import re

from tests.readme_usage import HEADING, ROOT, usage_section

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_usage_section_is_what_the_commands_say() -> None:
    _before, heading, section = README.partition(HEADING)
    assert heading
    assert section.strip() == usage_section().strip(), "run `python -m tests.readme_usage`"


def test_every_file_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`((?:utils|retriver|graphs|training_data/questions)/[\w./]+)`", README))
    missing = [name for name in named if not (ROOT / name).exists() and "sales" not in name]
    assert named and not missing
