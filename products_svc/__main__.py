"""The products service.

python -m products_svc            serves
python -m products_svc migrate    brings the database to this code's schema
python -m products_svc recover    puts back what was announced since the backup that the database was restored from
python -m products_svc seed       adds the default catalogue where it is missing (--catalogue FILE.json: another one)
"""

import argparse
import asyncio
import sys
from pathlib import Path

from events import recovering
from kit import migrations, sigterm, spans
from kit.process import configure_logging, serve
from kit.settings import from_environment
from products_svc import recovery
from products_svc.app import build
from products_svc.seeding import CatalogueError, seed
from products_svc.settings import ProductsSettings


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    settings = from_environment(ProductsSettings)
    configure_logging(settings, service="products")
    if options.command == "migrate":
        migrations.upgrade("products_svc", settings.database_url)
        return 0
    if options.command == "seed":
        try:
            count = asyncio.run(seed(settings, options.catalogue))
        except CatalogueError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{count} products added")
        return 0
    if options.command == "recover":
        return recovering.command("products", settings, recovery.TOPICS, recovery.PutBackProducts())
    spans.record_to(settings.trace_file, "products")
    app, service = build(settings)
    return serve(app, service, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m products_svc", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="")
    commands.add_parser("migrate", help="bring the database to this code's schema")
    commands.add_parser("recover", help="put back what was announced since the backup that was restored")
    seeding = commands.add_parser("seed", help="add the catalogue's products where they are missing")
    seeding.add_argument("--catalogue", type=Path, metavar="FILE.json", help="instead of the default catalogue")
    return parser


if __name__ == "__main__":
    sigterm.ends_at_once()
    sys.exit(main(sys.argv[1:]))
