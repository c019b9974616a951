"""``python -m lab.load < plan.json``: carries out one plan; the result is one line of JSON on stdout."""

import sys
import time
from pathlib import Path

import uvloop

from lab.load.orders import Orders
from lab.load.plan import LoadPlan, PlanError
from lab.load.records import write_records
from lab.load.result import summarise
from lab.load.sending import send


def main() -> int:
    try:
        plan = LoadPlan.from_json(sys.stdin.buffer.read())
        orders = Orders(plan)
    except PlanError as error:
        print(error, file=sys.stderr)
        return 2
    before = time.process_time()
    sent = uvloop.run(send(plan, orders))
    result = summarise(plan, sent, time.process_time() - before)
    write_records(Path(plan.records), sent.records)
    sys.stdout.buffer.write(result.to_json() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
