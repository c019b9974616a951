"""The published language as an AsyncAPI 3.0 document, generated from the catalogue: ``python -m events.asyncapi``.

``docs/asyncapi.json`` is this output; a test compares the two.
"""

import inspect
import json
from typing import Any

from events.catalogue import CATALOGUE, Event
from events.topics import COMPACTED, TOPICS, Topic

_KEPT = {"delete": "kept for ever", "compact": "compacted: the newest record of every key is kept"}
_OWNERS = {"orders": "orders", "stock": "products", "deliveries": "delivery", "products": "products"}

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ce_specversion": ("the version of CloudEvents", {"const": "1.0"}),
    "ce_id": ("derived from aggregate, version and type: the same fact has the same id", {"format": "uuid"}),
    "ce_source": ("the publishing context, for example /shop/orders", {"format": "uri-reference"}),
    "ce_type": ("the event's type with its major version", {}),
    "ce_subject": ("the aggregate's id, the same as the record's key", {}),
    "ce_time": ("when it happened (business time)", {"format": "date-time"}),
    "ce_sequence": ("the aggregate's version after the change: 1, 2, ...", {"pattern": "^[1-9][0-9]*$"}),
    "content-type": ("the format of the value", {"const": "application/json"}),
    "traceparent": ("W3C Trace Context of the request that began it all", {}),
}


def document() -> dict[str, Any]:
    """The whole document as JSON values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "The shop's events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode. Money is integer cents. Ignore unknown fields.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS if _events(topic)},
        "operations": {f"publish_{topic.name}": _operation(topic) for topic in TOPICS if _events(topic)},
        "components": {
            "messages": {event.__name__: _message(event) for event in CATALOGUE},
            "schemas": {event.__name__: _schema(event) for event in CATALOGUE},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": f"{{prefix}}.{topic.name}",
        "description": f"Published by {_OWNERS[topic.name]}; {_KEPT[topic.configs['cleanup.policy']]}.",
        "parameters": {"prefix": {"default": "shop", "description": "SHOP_TOPIC_PREFIX"}},
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in _events(topic)},
        "bindings": {"kafka": {"topicConfiguration": _topic_configuration(topic), "bindingVersion": "0.5.0"}},
    }


def _topic_configuration(topic: Topic) -> dict[str, Any]:
    policy = topic.configs["cleanup.policy"]
    kept = {} if policy == COMPACTED["cleanup.policy"] else {"retention.ms": int(topic.configs["retention.ms"])}
    return {"cleanup.policy": [policy]} | kept


def _operation(topic: Topic) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/{topic.name}/messages/{event.__name__}"} for event in _events(topic)]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{_OWNERS[topic.name]} says what happened.",
        "messages": messages,
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.wire_type(),
        "title": event.__name__,
        "summary": " ".join((inspect.getdoc(event) or event.__name__).split()),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _schema(event: type[Event]) -> dict[str, Any]:
    schema = event.model_json_schema(by_alias=True)
    schema.pop("description", None)
    for described in schema["properties"].values():
        described.pop("title", None)
    return schema


def _headers() -> dict[str, Any]:
    properties = {
        name: {"type": "string", "description": meaning} | rules for name, (meaning, rules) in _HEADERS.items()
    }
    required = [name for name in _HEADERS if name != "traceparent"]
    return {"type": "object", "properties": properties, "required": required}


def _events(topic: Topic) -> list[type[Event]]:
    return [event for event in CATALOGUE if event.topic == topic.name]


def rendered() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(rendered(), end="")
