"""``python -m orders_svc.read_models NAME``: the Faust worker that keeps one read model, as a process of its own."""

import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from prometheus_client import start_http_server
from pydantic import Field

from events import faust_worker
from events.kafka import Kafka
from events.positions import PositionError
from kit import sigterm, spans
from kit.process import configure_logging
from kit.settings import ServiceSettings, from_environment
from orders_svc.read_models import MODELS, NAMES, live_figures
from orders_svc.read_models.live_figures import worker as live_figures_worker
from orders_svc.read_models.readiness import mark_ready


class WorkerSettings(ServiceSettings):
    """Of ``ServiceSettings`` the worker needs the database, Kafka, the log format and the trace file."""

    metrics_port: int = Field(default=0, ge=0, le=65535, description="where Prometheus may read; 0 is nowhere")
    faust_data_dir: Path | None = Field(default=None, description="Faust's scratch folder, worthless afterwards")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in NAMES:
        print(f"{__doc__}\nNAME is one of {', '.join(NAMES)}; it was {' '.join(arguments)!r}", file=sys.stderr)
        return 2
    (name,) = arguments
    settings = from_environment(WorkerSettings)
    configure_logging(settings, service=name)
    spans.record_to(settings.trace_file, name)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.host)
    sys.argv[1:] = []  # they were for us; Faust reads them, too
    try:
        follow(name, settings)
    except PositionError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def follow(name: str, settings: WorkerSettings) -> NoReturn:
    """Runs the worker; raises PositionError."""
    kafka, on_ready = Kafka.of(settings), partial(mark_ready, name=name)
    if name == live_figures.NAME:
        live_figures_worker.run(
            kafka=kafka, database_url=settings.database_url, on_ready=on_ready, data_dir=settings.faust_data_dir
        )
    model = MODELS[name]
    faust_worker.run(
        model,
        kafka=kafka,
        database_url=settings.database_url,
        on_ready=on_ready,
        within_seconds=model.within_seconds,
        empty_is_complete=model.empty_is_complete,
        data_dir=settings.faust_data_dir,
    )


if __name__ == "__main__":
    sigterm.ends_at_once()
    sys.exit(main(sys.argv[1:]))
