"""What one customer's request leaves in the logs of several services, under one request id and in a certain order.

Each step is worded so that template miners keep it apart from the others: else their order could not be told.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from alogd.demo.shop import Line, Shop

Writer = Callable[[], Line]
Step = tuple[float, Writer]  # seconds after the journey began


def visit(shop: Shop, slow: float = 1.0) -> list[Step]:
    """Someone looks at a product. slow: how many times as long as usual everything takes."""
    tag, product = f" request_id={request_id(shop)}", shop.number(1, 5000)
    took = int(shop.number(8, 60) * slow)
    return [
        (0.0, partial(shop.app, "INFO ", _thread(shop), "c.s.web.Gateway", f"product page requested{tag}")),
        (0.02 * slow, partial(shop.database, "LOG", f"execute product_by_id: parameters: $1 = '{product}'{tag}")),
        (0.04 * slow, partial(shop.app, "INFO ", _thread(shop), "c.s.web.Gateway", f"answered after {took} ms{tag}")),
        (0.05 * slow, partial(shop.web, "GET", "/product", 200, shop.number(4000, 30_000), tag)),
    ]


def order(shop: Shop, slow: float = 1.0) -> list[Step]:
    """Someone buys: the stock is reserved, the payment authorised and then captured, the order confirmed."""
    request, number, user = request_id(shop), shop.number(500_000, 599_999), shop.number(1000, 9999)
    tag, paid = f" request_id={request}", f"queue=payment request_id={request} order={number} took_ms="
    took = [int(shop.number(40, 300) * slow) for _ in range(3)]
    say = partial(shop.app, "INFO ", _thread(shop))
    return [
        (0.0, partial(say, "c.s.web.Gateway", f"checkout of user {user} accepted{tag}")),
        (
            0.05 * slow,
            partial(
                shop.database, "LOG", f"execute reserve_stock: parameters: $1 = '{number}', $2 = '{number % 5}'{tag}"
            ),
        ),
        (0.1 * slow, partial(say, "c.s.checkout.Checkout", f"stock reserved{tag}")),
        (0.4 * slow, partial(shop.worker, "info", "payment authorised", f"{paid}{took[0]}")),
        (0.8 * slow, partial(shop.worker, "info", "amount captured by the bank", f"{paid}{took[1]}")),
        (0.9 * slow, partial(say, "c.s.checkout.Checkout", f"confirmation of {number} mailed{tag}")),
        (1.0 * slow, partial(shop.web, "POST", "/checkout", 201, shop.number(200, 900), tag)),
        (
            2.5 * slow,
            partial(shop.worker, "info", "receipt sent", f"queue=email request_id={request} took_ms={took[2]}"),
        ),
    ]


def disordered(shop: Shop) -> list[Step]:
    """An order whose steps are all known and come in an order they never have."""
    steps = order(shop)
    return [_captured_first, _confirmed_unpaid, _paid_twice][shop.number(0, 2)](steps)


def _captured_first(steps: list[Step]) -> list[Step]:
    return _swapped(steps, 3, 4)


def _confirmed_unpaid(steps: list[Step]) -> list[Step]:
    return [*steps[:3], *steps[5:]]


def _paid_twice(steps: list[Step]) -> list[Step]:
    return [*steps[:5], (0.85, steps[3][1]), (0.87, steps[4][1]), *steps[5:]]


def _swapped(steps: list[Step], one: int, other: int) -> list[Step]:
    changed = list(steps)
    changed[one], changed[other] = (steps[one][0], steps[other][1]), (steps[other][0], steps[one][1])
    return changed


def request_id(shop: Shop) -> str:
    """Sixteen hexadecimal digits, a letter and a digit among them."""
    return f"{'abcdef'[shop.number(0, 5)]}{shop.number(0, 9)}{shop.random.getrandbits(56):014x}"


def _thread(shop: Shop) -> str:
    return f"http-{shop.number(1, 16)}"
