"""Removing the topics of a shop that is not needed any more."""

from aiokafka.admin import AIOKafkaAdminClient

from lab.running.layout import Layout


async def delete_topics(layout: Layout) -> list[str]:
    """Deletes every topic below the layout's prefix; returns their names. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**layout.broker().client_options())
    await admin.start()
    try:
        names = sorted(name for name in await admin.list_topics() if name.startswith(f"{layout.topic_prefix}."))
        if names:
            await admin.delete_topics(names)
        return names
    finally:
        await admin.close()
