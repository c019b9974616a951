"""``python -m orders_svc.read_models``: the Faust worker that keeps the product copy, as a process of its own."""

import sys
from pathlib import Path

from prometheus_client import start_http_server
from pydantic import Field

from events import faust_worker
from events.kafka import Kafka
from events.positions import PositionError
from kit.process import configure_logging
from kit.settings import ServiceSettings
from orders_svc.read_models.product_copy import ProductCopy, mark_ready


class WorkerSettings(ServiceSettings):
    """Of ``ServiceSettings`` the worker needs the database, Kafka and the log format."""

    metrics_port: int = Field(default=0, ge=0, le=65535, description="where Prometheus may read; 0 is nowhere")
    faust_data_dir: Path | None = Field(default=None, description="Faust's scratch folder, worthless afterwards")


def main() -> int:
    settings = WorkerSettings()
    configure_logging(settings, service="orders read models")
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.host)
    try:
        faust_worker.run(
            ProductCopy(),
            kafka=Kafka(settings.kafka_bootstrap_servers, settings.topic_prefix),
            database_url=settings.database_url,
            on_ready=mark_ready,
            data_dir=settings.faust_data_dir,
        )
    except PositionError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
