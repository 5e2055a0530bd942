"""The published schema of a topic, asked about one event at a time."""

import json
from dataclasses import dataclass
from decimal import Decimal

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from loyalty_worker.consumers.strict_json import Json
from loyalty_worker.resources import resource_folder


@dataclass(frozen=True, slots=True)
class Violation:
    """Where an event breaks its schema: a JSON pointer and the schema's keyword, never a value.

    Pointers name members that the schema itself names, so nothing of the event shows.
    """

    pointer: str
    rule: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the event'} breaks the schema's rule {self.rule}"


class EventSchema:
    """A topic's schema, compiled once; numbers are compared exactly, as `int` and `Decimal`."""

    def __init__(self, topic_folder: str) -> None:
        """Load `schemas/<topic_folder>/v1.schema.json`; raises when it is not there or invalid."""
        path = resource_folder("schemas") / topic_folder / "v1.schema.json"
        schema = json.loads(path.read_bytes(), parse_float=Decimal)
        self._validator = Draft202012Validator(schema, validate_formats=True)
        self.event_type: str = schema["properties"]["type"]["const"]

    def violation(self, event: Json) -> Violation | None:
        """Return the first violation by place, or None for a valid event.

        `event` must come from `strict_json.parse`: other values can make the validator raise.
        """
        if self._validator.is_valid(event):
            return None
        violations = map(_violation, self._validator.iter_errors(event))
        return min(violations, key=lambda found: (found.pointer, found.rule))


def _violation(error: ValidationError) -> Violation:
    pointer = "".join(f"/{part}" for part in error.instance_path)
    if isinstance(error.kind, ValidationErrorKind.Required):
        pointer = f"{pointer}/{error.kind.property}"
    return Violation(pointer, error.kind.name)
