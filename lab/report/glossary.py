"""Every word that the page uses and that not everybody knows."""

from lab.report.markup import Markup, tag

WORDS = {
    "wiring": "how the three services (orders, products, delivery) are connected to place an order",
    "events": "the wiring in which services announce facts over Kafka, and nobody waits for anybody",
    "chain": "the wiring in which orders calls products and delivery, and the customer waits for all of it",
    "chain-retry": "the chain, with calls that bring no answer repeated",
    "chain-breaker": "the chain, with circuit breakers, and answers given on trust while a circuit is open",
    "chain-mesh": "the chain, with a proxy beside each process that retries and ejects (a service mesh)",
    "tcc": "Try-Confirm/Cancel: everybody is asked to hold what is wanted, then to do it or to let go",
    "2pc": "two-phase commit: one transaction over three databases, with a coordinator",
    "3pc": "three-phase commit: the same with a step more, so that participants can end it without the coordinator",
    "offered": "an order that was sent, or should have been sent, in the measured time",
    "accepted": "answered with a success (2xx)",
    "settled": "will not change by itself any more: confirmed, rejected or cancelled",
    "confirmed %": "of the orders offered, those that ended confirmed, with their delivery and their reservation",
    "rejected %": "the order exists and ended rejected or cancelled: no stock, or a link of the chain that failed",
    "refused %": "there is no such order: the request was answered with an error, or could not even be sent",
    "unknown %": "there is no such order, and there was no answer either: the customer cannot know",
    "unkept %": "confirmed in name only (its delivery or its reservation is missing), not settled in the end, or "
    "accepted and in no database",
    "accept latency": "from the moment an order should have been sent until it was answered with a success",
    "completion latency": "from the same moment until the order was settled; of accepted orders",
    "staleness": "how long after a product changed orders' copy of it still showed the old state",
    "p50, p95, p99": "percentiles: of 100 orders 50, 95 or 99 were faster",
    "open loop": "orders are sent at their time, whether or not earlier ones were answered; a stall cannot hide",
    "closed loop": "a fixed number of customers, each of whom orders again when answered: shows what can be taken",
    "saturation": "a closed loop with many customers at a time",
    "pending time-out": "a pending order that nobody settles is cancelled after this time",
    "outbox": "events that a service has recorded with its change, and not published yet",
    "lag": "events that are published, and not handled yet by those who need them",
    "circuit breaker": "closed: calls go through; open: they are not even tried; half open: one is tried",
    "CPU ms/order": "CPU of services, sidecars, worker, database and, for events, the broker, for each settled order",
    "audit finding": "something that the three databases say and that does not add up; it stays when the run is over",
    "notice": "something the audit tells that is worth knowing, and is no finding",
    "round": "one run of one wiring in one scenario, with fresh databases; wirings take turns",
    "median, range": "the round in the middle, and the lowest and highest round",
    "inside the noise": "rounds of the two wirings differ no more than rounds of one wiring do",
    "ranges do not overlap": "every round of one wiring is beyond every round of the other; below five rounds no "
    "more is claimed",
    "significant": "an exact test over at least five rounds each finds the difference at the 5 % level",
    "invalid round": "the load generator could not keep up, or the fault did not happen as planned: left out",
}


def glossary() -> Markup:
    """Definitions, in the order in which the page needs them."""
    words = [tag("div", tag("dt", word), tag("dd", meaning)) for word, meaning in WORDS.items()]
    return tag("section", tag("h2", "Glossary"), tag("dl", words), id="glossary")
