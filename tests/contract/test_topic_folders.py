"""Every folder under `schemas/` is a whole topic, and its schema is one for any validator."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema_rs import meta

from loyalty_worker.resources import resource_folder

TOPICS = sorted(path for path in resource_folder("schemas").iterdir() if path.is_dir())
READ = [topic for topic in TOPICS if topic.name != "loyalty-drift-alerts"]
topics = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


@topics
def test_a_topic_has_its_readme_schema_and_both_kinds_of_example(topic: Path) -> None:
    assert (topic / "README.md").is_file()
    assert (topic / "v1.schema.json").is_file()
    assert list(topic.glob("examples/ok-*.json"))
    assert list(topic.glob("examples/bad-*.json"))


@topics
def test_a_topic_holds_nothing_that_no_test_reads(topic: Path) -> None:
    names = {path.relative_to(topic).as_posix() for path in topic.rglob("*") if path.is_file()}
    examples = {name for name in names if name.startswith(("examples/ok-", "examples/bad-"))}
    assert names - examples == {"README.md", "v1.schema.json"}


@topics
def test_a_schema_is_valid_json_schema_2020_12(topic: Path) -> None:
    schema = json.loads((topic / "v1.schema.json").read_bytes())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert meta.is_valid(schema)


@topics
def test_a_foreign_validator_accepts_the_good_examples(topic: Path) -> None:
    examples = [str(path) for path in sorted(topic.glob("examples/ok-*.json"))]
    schema = ["--schemafile", str(topic / "v1.schema.json")]
    result = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, *examples],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_the_envelope_is_the_same_on_every_topic_that_is_read() -> None:
    envelopes = []
    for topic in READ:
        schema = json.loads((topic / "v1.schema.json").read_bytes())
        attributes = {name: schema["properties"][name] for name in ("specversion", "id", "source")}
        time = {**schema["properties"]["time"], "description": None}
        names = ("line", "uuid_text", "outside_utc_range")
        shared = {name: schema["$defs"][name] for name in names}
        envelopes.append((schema["required"], attributes, time, shared))
    assert len(envelopes) > 1
    assert all(envelope == envelopes[0] for envelope in envelopes)
