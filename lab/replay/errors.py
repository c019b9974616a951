"""What can go wrong when topics are read again; ``str()`` says what to do next.

ReplayError
├── NotDeclared     a topic that is not on the broker
├── NotAMoment      a text that names no point in the topics
├── BeyondEnd       an offset that the topic has not reached: a slip, or the topic was recreated
├── NotNow          somebody else is in the way: try again later
└── Refused         it could do harm, so it is not done; the reason says what would make it harmless
"""

from lab.running.errors import ShopError


class ReplayError(ShopError):
    pass


class NotDeclared(ReplayError):
    pass


class NotAMoment(ReplayError):
    pass


class BeyondEnd(ReplayError):
    pass


class NotNow(ReplayError):
    pass


class Refused(ReplayError):
    pass
