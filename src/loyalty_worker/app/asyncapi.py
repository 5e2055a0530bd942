"""The AsyncAPI document: what FastStream knows of channels, with the published schemas in it.

FastStream describes the handler's argument, which is a batch of ours; producers need the event's
schema, so that takes its place.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from loyalty_worker.resources import resource_folder


def asyncapi_document(
    broker: KafkaBroker, contracts: Mapping[str, str], published: Iterable[str]
) -> str:
    """Return the document as JSON; `contracts` names each topic's folder under `schemas/`.

    `published` are topics that the relay writes to; FastStream publishes nothing itself.
    """
    for topic in published:
        broker.publisher(topic, title=topic, schema=dict)
    document: dict[str, Any] = (
        AsyncAPI(broker, title="Loyalty accrual worker", version=version("loyalty-worker"))
        .to_specification()
        .to_jsonable()
    )
    document["components"]["schemas"] = {}
    for name, message in document["components"]["messages"].items():
        topic = name.partition(":")[0]
        message["payload"] = {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": _schema(contracts[topic]),
        }
        message["contentType"] = "application/cloudevents+json"
    return json.dumps(document, indent=2)


def _schema(contract: str) -> Any:  # noqa: ANN401 - a JSON document
    file = resource_folder("schemas") / contract / "v1.schema.json"
    return json.loads(file.read_text(encoding="utf-8"))
