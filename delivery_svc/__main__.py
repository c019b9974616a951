"""The delivery service.

python -m delivery_svc            serves
python -m delivery_svc migrate    brings the database to this code's schema
python -m delivery_svc recover    puts back what was announced since the backup that the database was restored from
"""

import argparse
import sys

from delivery_svc import recovery
from delivery_svc.app import build
from delivery_svc.settings import DeliverySettings
from events import recovering
from kit import migrations, sigterm, spans
from kit.process import configure_logging, serve
from kit.settings import from_environment


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    settings = from_environment(DeliverySettings)
    configure_logging(settings, service="delivery")
    if options.command == "migrate":
        migrations.upgrade("delivery_svc", settings.database_url)
        return 0
    if options.command == "recover":
        return recovering.command("delivery", settings, recovery.TOPICS, recovery.PutBackDeliveries())
    spans.record_to(settings.trace_file, "delivery")
    app, service = build(settings)
    return serve(app, service, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m delivery_svc", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="")
    commands.add_parser("migrate", help="bring the database to this code's schema")
    commands.add_parser("recover", help="put back what was announced since the backup that was restored")
    return parser


if __name__ == "__main__":
    sigterm.ends_at_once()
    sys.exit(main(sys.argv[1:]))
