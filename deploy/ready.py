"""Asks the service in this container whether it can take traffic: exit code 0, or 1 with the reasons.

Standard library only, so that ``python -IS`` starts it in a few milliseconds.
"""

import http.client
import os
import sys


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("SHOP_PORT", "8080")), timeout=3)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        print(response.status, response.read(2000).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
