"""What the README and CONTRIBUTING promise is there."""

import re
from pathlib import Path

from loyalty_worker.settings.model import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "loyalty_worker"


def test_the_configuration_table_is_the_settings_own() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- settings")[2].partition("<!-- end of settings -->")[0]
    expected = [
        f"| `{PREFIX}{name.upper()}` |"
        f" {'' if field.default is None else f'`{field.default}`'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert [line for line in table.splitlines() if line.startswith(f"| `{PREFIX}")] == expected


def test_every_file_that_the_way_of_a_record_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    way = text.partition("## How a record travels")[2].partition("## Who may import")[0]
    named = re.findall(r"`([\w/.-]+\.(?:py|sql|json))`", way)
    folders = [
        PACKAGE,
        PACKAGE / "consumers",
        PACKAGE / "cli",
        ROOT,
        ROOT / "migrations",
        ROOT / "migrations" / "functions",
    ]
    missing = [name for name in named if not any((folder / name).exists() for folder in folders)]
    assert len(named) > 20
    assert missing == []


def test_every_local_link_leads_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
        assert [link for link in links if not (ROOT / link).exists()] == []
