"""What delivery tells Prometheus beside what every service does."""

from prometheus_client import Counter

TRIES_EXPIRED = Counter("delivery_tries_expired_total", "Tries whose time was up before they were confirmed")
