"""What products tells Prometheus beside what every service does."""

from prometheus_client import Counter

OUTDATED_PRICES = Counter(
    "orders_at_outdated_price_total", "Orders whose product had another price by the time products took them up"
)
TRIES_EXPIRED = Counter("products_tries_expired_total", "Tries whose time was up before they were confirmed")
