"""The orders service.

python -m orders_svc            serves
python -m orders_svc migrate    brings the database to this code's schema
python -m orders_svc recover    puts back what was announced since the backup that the database was restored from
"""

import sys

from events import recovering
from kit import migrations, sigterm, spans
from kit.process import configure_logging, serve
from kit.settings import from_environment
from orders_svc import recovery
from orders_svc.app import build
from orders_svc.read_models import NAMES
from orders_svc.settings import OrdersSettings


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["migrate"], ["recover"]):
        print(f"{__doc__}\nunknown arguments: {' '.join(arguments)}", file=sys.stderr)
        return 2
    settings = from_environment(OrdersSettings)
    configure_logging(settings, service="orders")
    if arguments == ["migrate"]:
        migrations.upgrade("orders_svc", settings.database_url)
        return 0
    if arguments == ["recover"]:
        return recovering.command("orders", settings, recovery.TOPICS, recovery.PutBackOrders(), NAMES)
    spans.record_to(settings.trace_file, "orders")
    app, service = build(settings)
    return serve(app, service, settings)


if __name__ == "__main__":
    sigterm.ends_at_once()
    sys.exit(main(sys.argv[1:]))
