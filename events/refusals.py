"""Why Kafka let nobody in. aiokafka only logs it: what it raises says no more than that no broker could be reached."""

import logging
import ssl
from time import monotonic

from aiokafka.errors import IllegalSaslStateError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

FRESH_SECONDS = 30.0

_ADVICE: dict[type[Exception], str] = {
    SaslAuthenticationFailed: "check KAFKA_SASL_USERNAME and its password, and that the broker knows them",
    UnsupportedSaslMechanismError: "check KAFKA_SASL_MECHANISM",
    IllegalSaslStateError: "this listener takes no user: check KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL",
    ssl.SSLCertVerificationError: "check KAFKA_SSL_CAFILE, and the names in the broker's certificate",
    ssl.SSLError: "check KAFKA_SECURITY_PROTOCOL, and whether the broker wants a certificate (KAFKA_SSL_CERTFILE)",
}


class Refusals(logging.Filter):
    """Remembers the last refusal that aiokafka's client has logged, and lets no line through below CRITICAL."""

    def __init__(self) -> None:
        super().__init__()
        self._text, self._at = "", float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        for argument in record.args if isinstance(record.args, tuple) else ():
            advice = next((advice for kind, advice in _ADVICE.items() if isinstance(argument, kind)), None)
            if advice is not None:
                self._text, self._at = f"{argument}; {advice}", monotonic()
        return record.levelno >= logging.CRITICAL

    def latest(self) -> str | None:
        """The refusal of the last ``FRESH_SECONDS``."""
        return self._text if monotonic() - self._at < FRESH_SECONDS else None


_refusals = Refusals()


def quiet_client_logs() -> None:
    """Silences aiokafka's own log lines (ten a second while a broker is away), unless a level was chosen for them.

    Relay and consumers log a loss once and its end once; what matters comes to them as an exception, or is a refusal.
    """
    logger = logging.getLogger("aiokafka")  # where its client logs what went wrong with a connection
    if logger.level == logging.NOTSET:
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("aiokafka.")]:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        logger.setLevel(logging.ERROR)
        logger.addFilter(_refusals)


def refusal() -> str | None:
    """Why a broker has just refused this process, if one has and the log is quiet."""
    return _refusals.latest()


def explained(error: BaseException) -> str:
    """The error as text, with the refusal behind it."""
    reason = refusal()
    return f"{error!r} ({reason})" if reason else repr(error)
