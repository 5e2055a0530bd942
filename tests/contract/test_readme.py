"""What the README and CONTRIBUTING promise is there."""

import ast
import re
from pathlib import Path

from loyalty_worker.domain.events import DecodeReason
from loyalty_worker.domain.outcomes import LetterReason
from loyalty_worker.settings.model import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "loyalty_worker"


def test_the_configuration_table_is_the_settings_own() -> None:
    table = _between("settings")
    expected = [
        f"| `{PREFIX}{name.upper()}` |"
        f" {'' if field.default is None else f'`{field.default}`'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert [line for line in table.splitlines() if line.startswith(f"| `{PREFIX}")] == expected


def test_the_reasons_of_dead_letters_are_those_of_the_code() -> None:
    named = re.findall(r"^\| `(\w+)` \|", _between("reasons"), re.MULTILINE)
    assert named == [*DecodeReason, *LetterReason]


def test_every_warning_and_error_of_the_log_is_explained() -> None:
    logged = {
        call.args[0].value
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func.value) == "_log"
        and call.func.attr in ("warning", "error", "critical", "exception")
        and isinstance(call.args[0], ast.Constant)
    }
    rows = [line.split("|")[1] for line in _between("log events").splitlines()[3:] if line]
    assert len(logged) > 15
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == logged


def _between(name: str) -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"<!-- {name}")[2].partition(f"<!-- end of {name} -->")[0]


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
