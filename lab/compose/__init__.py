"""A shop that runs in containers (``docker-compose.kafka.yml``), as the ``shop`` command sees it."""
