"""One test a rule: what is planted is named; a shop that adds up gives no finding."""

import uuid
from dataclasses import replace
from typing import Any

from lab.audit import Audit, audit
from tests.lab.audit.planted import Shop


async def look(shop: Shop, **options: Any) -> Audit:
    return await audit(shop.databases, **{"deadline": 0.2, "pause": 0.05, **options})


def found(result: Audit, rule: str) -> dict[str, str]:
    """What was found under the rule whose name starts like that."""
    (check,) = [check for check in result.checks if check.rule.startswith(rule)]
    return check.found


async def test_a_shop_that_adds_up_gives_no_finding(shop: Shop) -> None:
    result = await look(shop)
    assert result.clean, result.as_dict()
    assert result.counts == {"orders": 5, "in_flight": 0, "confirmed": 2, "rejected": 1, "cancelled": 2}


async def test_an_accepted_order_that_never_settles(shop: Shop) -> None:
    order = await shop.place("pending")
    result = await look(shop)
    assert list(found(result, "accepted orders are settled")) == [order]
    assert found(result, "quiet") == {"orders": "1 not settled"}


async def test_a_confirmed_order_without_reservation(shop: Shop) -> None:
    missing = await shop.place("confirmed", None, "started")
    released = await shop.place("confirmed", "released", "started")
    assert set(found(await look(shop), "confirmed: exactly one reservation")) == {missing, released}


async def test_a_confirmed_order_with_another_quantity_reserved(shop: Shop) -> None:
    order = await shop.place("confirmed", "reserved", "started", quantity=2)
    await shop.run("orders", "UPDATE orders SET quantity = 3, amount = 300 WHERE id = $1", uuid.UUID(order))
    wrong = found(await look(shop), "confirmed: exactly one reservation")
    assert wrong == {order: "reservation has quantity 2, the order 3"}


async def test_a_confirmed_order_without_delivery(shop: Shop) -> None:
    missing = await shop.place("confirmed", "reserved")
    cancelled = await shop.place("confirmed", "reserved", "cancelled")
    assert set(found(await look(shop), "confirmed: exactly one delivery")) == {missing, cancelled}


async def test_a_rejected_or_cancelled_order_that_holds_stock(shop: Shop) -> None:
    orders = {await shop.place("rejected", "reserved"), await shop.place("cancelled", "reserved", "cancelled")}
    assert set(found(await look(shop), "rejected, cancelled: no stock held")) == orders


async def test_a_rejected_or_cancelled_order_with_a_live_delivery(shop: Shop) -> None:
    orders = {await shop.place("rejected", None, "started"), await shop.place("cancelled", "released", "completed")}
    assert set(found(await look(shop), "rejected, cancelled: no live delivery")) == orders


async def test_a_delivery_that_waits_for_a_settled_order(shop: Shop) -> None:
    order = await shop.place("rejected", "rejected", "awaiting_stock")
    assert list(found(await look(shop), "no delivery waits")) == [order]


async def test_a_reservation_and_a_delivery_of_nobody(shop: Shop) -> None:
    reserved, delivered = uuid.uuid4(), uuid.uuid4()
    await shop.reserve(reserved, "reserved", 1)
    await shop.run(
        "delivery",
        "INSERT INTO deliveries (order_id, state, product_id, quantity) VALUES ($1, 'started', 1, 1)",
        delivered,
    )
    orphans = found(await look(shop), "reservations and deliveries have an order")
    assert set(orphans) == {str(reserved), str(delivered)}


async def test_a_reservation_left_in_try(shop: Shop) -> None:
    order = await shop.place("rejected", "tried")
    assert list(found(await look(shop), "no reservation left in try")) == [order]


async def test_a_try_holds_the_stock_that_its_ledger_says_and_a_tentative_delivery_is_only_for_an_open_order(
    shop: Shop,
) -> None:
    settled, open_still = await shop.place("confirmed", "tried", "tentative"), await shop.place("pending", "tried")
    expired = await shop.place("rejected", "expired", "expired")
    result = await look(shop)
    assert found(result, "each reservation is in the ledger") == {}
    assert set(found(result, "no reservation left in try")) == {settled, open_still}
    assert found(result, "no delivery waits") == {settled: "confirmed, but its delivery is still tentative"}
    assert expired not in {one for check in result.checks for one in check.found}


async def test_a_confirmed_order_whose_reservation_has_expired(shop: Shop) -> None:
    order = await shop.place("confirmed", "expired", "completed")
    wrong = found(await look(shop), "confirmed: exactly one reservation")
    assert wrong == {order: "confirmed, but its reservation is expired"}


async def test_what_a_coordinator_has_not_finished_is_found_and_its_heuristic_outcomes_are_told(shop: Shop) -> None:
    undone, left = await shop.place("rejected", "expired", "cancelled"), await shop.place("rejected", None)
    insert = "INSERT INTO tcc_transactions (order_id, phase, reason) VALUES ($1, $2, $3)"
    await shop.run("orders", insert, uuid.UUID(undone), "heuristic", "heuristic mixed: decided was confirming, but ...")
    await shop.run("orders", insert, uuid.UUID(left), "cancelling", "out of stock")
    shop.databases = replace(shop.databases, wiring="tcc")
    result = await look(shop)
    assert list(found(result, "no transaction of the coordinator left open")) == [left]
    assert found(result, "heuristic outcomes") == {undone: "heuristic mixed: decided was confirming, but ..."}
    assert result.findings == 1


async def test_what_is_still_tried_is_not_quiet(shop: Shop) -> None:
    await shop.place("rejected", "tried", "tentative")
    shop.databases = replace(shop.databases, wiring="tcc")
    assert found(await look(shop), "quiet") == {
        "products": "1 reservations in try",
        "delivery": "1 deliveries tentative",
    }


async def test_an_amount_that_is_not_price_times_quantity(shop: Shop) -> None:
    order = await shop.place("confirmed", "reserved", "started")
    await shop.run("orders", "UPDATE orders SET amount = amount - 1 WHERE id = $1", uuid.UUID(order))
    assert list(found(await look(shop), "amount")) == [order]


async def test_an_amount_may_be_over_by_less_than_one_cent_a_piece(shop: Shop) -> None:
    """Three for 2.00: the amount counts, and a piece costs 66 cents, rounded down."""
    order = await shop.place("confirmed", "reserved", "started")
    over = "UPDATE orders SET quantity = 3, unit_price = 66, amount = $2 WHERE id = $1"
    await shop.run("orders", over, uuid.UUID(order), 200)
    assert found(await look(shop), "amount") == {}
    await shop.run("orders", over, uuid.UUID(order), 201)
    assert list(found(await look(shop), "amount")) == [order]


async def test_stock_that_is_not_what_the_ledger_says(shop: Shop) -> None:
    await shop.run("products", "UPDATE products SET stock = 7 WHERE id = 2")
    assert found(await look(shop), "stock = ledger") == {"product 2": "stock 7, ledger 0"}


async def test_a_balance_below_zero_though_the_sum_is_fine(shop: Shop) -> None:
    insert = "INSERT INTO stock_ledger (product_id, delta, balance, reason) VALUES (2, $1, $2, 'taken_out')"
    await shop.run("products", insert, -5, -5)
    await shop.run("products", insert, 5, 0)
    result = await look(shop)
    assert list(found(result, "balance").values()) == ["product 2: balance -5, sum so far -5"]
    assert found(result, "stock = ledger") == {}


async def test_an_entry_whose_balance_is_wrong(shop: Shop) -> None:
    await shop.run("products", "UPDATE stock_ledger SET balance = balance + 1 WHERE id = 2")
    assert set(found(await look(shop), "balance")) == {"ledger entry 2"}


async def test_stock_taken_twice_for_one_order(shop: Shop) -> None:
    order = await shop.place("confirmed", "reserved", "started")
    await shop.move(-2, "reserved", uuid.UUID(order))
    result = await look(shop)
    assert list(found(result, "each reservation is in the ledger")) == [order]
    assert found(result, "stock = ledger") == {}, "the ledger itself adds up"


async def test_a_reservation_that_took_nothing(shop: Shop) -> None:
    order = await shop.place("confirmed", None, "started")
    await shop.run("products", "INSERT INTO reservations VALUES ($1, 1, 2, 'reserved')", uuid.UUID(order))
    assert list(found(await look(shop), "each reservation is in the ledger")) == [order]


async def test_a_product_copy_that_differs_lags_or_has_too_much(shop: Shop) -> None:
    await shop.run("orders", "UPDATE product_copy SET price = 1 WHERE product_id = 1")
    await shop.run("products", "UPDATE products SET version = 2 WHERE id = 2")
    await shop.run("orders", "INSERT INTO product_copy VALUES (9, 'x', 1, 0, '', false, 1)")
    assert found(await look(shop), "product copy") == {
        "product 1": "version 1 differs in price",
        "product 2": "copy at version 1, products at 2",
        "product 9": "in the copy, unknown to products",
    }


async def test_the_chain_has_no_product_copy_to_compare(shop: Shop) -> None:
    await shop.run("orders", "DELETE FROM product_copy")
    shop.databases = type(shop.databases)(
        shop.databases.orders, shop.databases.products, shop.databases.delivery, "chain"
    )
    assert (await look(shop)).clean


async def test_an_outbox_row_that_stays(shop: Shop) -> None:
    await shop.run("delivery", "INSERT INTO outbox (topic, key) VALUES ('deliveries', 'abc')")
    result = await look(shop)
    assert list(found(result, "outboxes empty")) == ["delivery outbox 1"]
    assert found(result, "quiet") == {"delivery outbox": "1 events not published"}


async def test_a_transaction_left_prepared(shop: Shop) -> None:
    await shop.products.execute("BEGIN; UPDATE products SET name = 'x' WHERE id = 2; PREPARE TRANSACTION 'left'")
    try:
        assert list(found(await look(shop), "no transaction left prepared")) == ["products left"]
    finally:
        await shop.products.execute("ROLLBACK PREPARED 'left'")


async def test_dead_letters_are_told_but_are_no_finding(shop: Shop) -> None:
    await shop.run(
        "products",
        "INSERT INTO dead_letters VALUES ($1, 'c', 't', 0, 4, 'bad')",
        uuid.uuid4(),
    )
    result = await look(shop)
    assert list(found(result, "dead letters").values()) == ["c: t/0@4: bad"]
    assert result.clean


async def test_a_requeued_dead_letter_counts_until_it_was_handled_and_a_discarded_one_does_not(shop: Shop) -> None:
    for offset, mark in enumerate(("requeued_at", "discarded_at")):
        await shop.run(
            "products",
            f'INSERT INTO dead_letters (id, consumer, topic, partition, "offset", error, {mark})'
            " VALUES ($1, 'c', 't', 0, $2, 'bad', now())",
            uuid.uuid4(),
            offset,
        )
    assert list(found(await look(shop), "dead letters").values()) == ["c: t/0@0: bad (requeued)"]


async def test_orders_at_an_outdated_price_are_told_but_are_no_finding(shop: Shop) -> None:
    order = await shop.place("confirmed", "reserved", "started")
    await shop.run("products", "UPDATE reservations SET outdated_price = true WHERE order_id = $1", uuid.UUID(order))
    result = await look(shop)
    assert found(result, "orders at an outdated price") == {order: "product 1 had another price by then; reserved"}
    assert result.clean


async def test_what_the_fallbacks_cost_is_told_but_is_no_finding(shop: Shop) -> None:
    shop.databases = replace(shop.databases, wiring="chain-breaker")
    kept = await shop.place("confirmed", "reserved", "started")
    broken = await shop.place("rejected", "rejected", None)
    timed_out = await shop.place("cancelled", None, "cancelled")
    by_customer = await shop.place("cancelled", None, "cancelled")
    promised = "UPDATE orders SET promised_at = changed_at, settled_at = changed_at + interval '3 s', reason = $2"
    for order, reason in (
        (kept, None), (broken, "out of stock"), (timed_out, "timed out"), (by_customer, "changed my mind"),
    ):  # fmt: skip
        await shop.run("orders", f"{promised} WHERE id = $1", uuid.UUID(order), reason)
    seen = "UPDATE orders SET price_seen_at = placed_at - interval '9 s' WHERE id = $1"
    await shop.run("orders", seen, uuid.UUID(kept))
    result = await look(shop)
    assert found(result, "broken promises") == {
        broken: "accepted, and rejected 3.0 s later: out of stock",
        timed_out: "accepted, and cancelled 3.0 s later: timed out",
    }
    said = "product 1 for 1.00, seen 9.0 s before it was placed; confirmed"
    assert found(result, "orders at the last price seen") == {kept: said}
    assert result.clean
