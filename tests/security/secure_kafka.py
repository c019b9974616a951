"""A Kafka that lets in only who it knows: TLS, SCRAM users, and an authorizer that refuses what nobody granted."""

import hashlib
import os
from dataclasses import replace
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.struct import Struct
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)
from pydantic import SecretStr

from events.kafka import Kafka
from kit.kafka_security import KafkaSecurity
from lab.backends import KafkaBroker, ports
from lab.backends.kafka_command import KafkaInstallation
from lab.supervision import Home
from tests.tls import Authority

PASSWORDS = {name: f"{name}-s3cret" for name in ("admin", "orders", "products", "delivery")}
_SCRAM_SHA_512, _ITERATIONS = 2, 4096


class SecureBroker(KafkaBroker):
    """Besides its plain listener, where everybody is ANONYMOUS and may do nothing, it has one that takes SCRAM over TLS
    (``kafka``, ``environment``) and one that takes certificates (``certified``)."""

    def __init__(self, home: Home, authority: Authority) -> None:
        super().__init__(home)
        self._authority = authority
        self._certificate, key = authority.sign("broker")
        self._keystore = self._certificate.with_name("broker-keystore.pem")
        self._keystore.write_text(key.read_text() + self._certificate.read_text())

    @property
    def secure_servers(self) -> str:
        return f"127.0.0.1:{ports.port_for(self.home, 'kafka-secure')}"

    def kafka(self, user: str, prefix: str = "shop", *, password: str | None = None) -> Kafka:
        """The broker, as that user."""
        secret = SecretStr(PASSWORDS[user] if password is None else password)
        cafile = self._authority.certificate
        return Kafka(
            self.secure_servers,
            prefix,
            KafkaSecurity("SASL_SSL", username=user, password=secret, cafile=cafile),
        )

    def certified(self, user: str) -> Kafka:
        """The broker, as that user, who shows a certificate instead of a password."""
        certificate, key = self._authority.sign(user)
        cafile = self._authority.certificate
        return Kafka(
            f"127.0.0.1:{ports.port_for(self.home, 'kafka-certified')}",
            security=KafkaSecurity("SSL", cafile=cafile, certfile=certificate, keyfile=key),
        )

    def environment(self, user: str) -> dict[str, str]:
        """What a process is told that is to be that user."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.secure_servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": PASSWORDS[user],
            "KAFKA_SSL_CAFILE": str(self._authority.certificate),
        }

    def _installation(self) -> KafkaInstallation:
        installed = super()._installation()
        certified = f"CERTIFIED://127.0.0.1:{ports.port_for(self.home, 'kafka-certified')}"
        for_clients = f"PLAINTEXT://127.0.0.1:{installed.port},SECURE://{self.secure_servers},{certified}"
        login = f'username="admin" password="{PASSWORDS["admin"]}"'
        properties = {
            "listeners": f"{for_clients},CONTROLLER://127.0.0.1:{installed.controller_port}",
            "advertised.listeners": for_clients,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CERTIFIED:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "SECURE",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                f"org.apache.kafka.common.security.scram.ScramLoginModule required {login};"
            ),
            "listener.name.controller.ssl.client.auth": "required",
            "listener.name.certified.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.certificate),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:broker",
        }
        return replace(installed, properties=properties, users=PASSWORDS)

    async def set_password(self, user: str, password: str) -> None:
        """What `kafka-configs.sh --alter --entity-type users` asks of the broker."""
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
        client: Any = AIOKafkaClient(**self.kafka("admin").client_options())
        await client.bootstrap()
        try:
            answer = await client.send(client.get_random_node(), _AlterScram(user, salt, salted))
        finally:
            await client.close()
        ((_user, code, message, _tags),) = answer.results
        if code:
            raise for_code(code)(message)


class _AlterScramResponse(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScramRequest(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram(Request[_AlterScramRequest]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, user: str, salt: bytes, salted: bytes) -> None:
        self._upsertion: tuple[Any, ...] = (user, _SCRAM_SHA_512, _ITERATIONS, salt, salted, {})

    def build(self, request_struct_class: type[Struct]) -> Struct:
        return request_struct_class([], [self._upsertion], {})
