"""`python -m lab.backends prepare kafka|postgres --home FOLDER`: fetch, format or initdb, if still to be done."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.backends.errors import BackendError
from lab.backends.kafka import KafkaBroker
from lab.backends.postgres import PostgresServer
from lab.supervision.home import Home


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.backends", description=__doc__)
    parser.add_argument("action", choices=["prepare"])
    parser.add_argument("server", choices=[KafkaBroker.name, PostgresServer.name])
    parser.add_argument("--home", type=Path, required=True)
    arguments = parser.parse_args()
    home = Home(arguments.home.resolve())
    server = KafkaBroker(home) if arguments.server == KafkaBroker.name else PostgresServer(home)
    try:
        server.prepare(lambda line: print(line, flush=True))
    except BackendError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
