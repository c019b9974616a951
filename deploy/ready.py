"""Asks the process in this container whether it can do its work: exit code 0, or 1 with the reasons.

``ready.py`` asks a service, by /health/ready. ``ready.py worker`` asks a Faust worker, which has no such route, by its
metrics: it is well when it says so, and not before. Standard library only: ``python -IS`` starts fast.
"""

import http.client
import os
import re
import sys

_HEALTHY = re.compile(rb"^events_consumer_healthy\{.*\} (.*)$", re.MULTILINE)


def main(worker: bool) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("SHOP_PORT", "8080")), timeout=8)
    try:
        connection.request("GET", "/metrics" if worker else "/health/ready")
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    if worker:
        said = _HEALTHY.findall(answer)
        well = response.status == 200 and said != [] and all(float(value) == 1 for value in said)
        print(
            "well" if well else f"{response.status}, events_consumer_healthy: {b' '.join(said).decode() or 'not there'}"
        )
        return 0 if well else 1
    print(response.status, answer[:2000].decode("utf-8", "replace"))
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(worker=sys.argv[1:] == ["worker"]))
