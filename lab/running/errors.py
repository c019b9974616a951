"""What can go wrong around a running shop; ``str()`` says what to do next.

ShopError
├── NotRunning      a command needs a running shop and there is none
├── NotPrepared     databases, migrations, topics or seed could not be made
└── NotReady        it runs, but did not become ready in time
"""


class ShopError(Exception):
    pass


class NotRunning(ShopError):
    def __init__(self) -> None:
        super().__init__("no shop runs here; start one with `shop up` (or `shop up --detach`)")


class NotPrepared(ShopError):
    pass


class NotReady(ShopError):
    pass
