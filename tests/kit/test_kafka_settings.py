"""How a process gets to Kafka: what can be told, what is refused, and that no password is shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from kit.kafka_settings import KafkaSettings, security_here
from kit.settings import ServiceSettings, from_environment, what_is_wrong
from tests.tls import Authority

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_USERNAME": "orders",
    "KAFKA_SASL_PASSWORD": "s3cret",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in KafkaSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://orders:other@127.0.0.1:9/orders")
    return monkeypatch


def tell(environment: pytest.MonkeyPatch, told: dict[str, str]) -> None:
    for name, value in told.items():
        environment.setenv(name, value)


def test_without_a_word_the_connection_is_plain(environment: pytest.MonkeyPatch) -> None:
    assert security_here().client_options() == {"security_protocol": "PLAINTEXT"}


def test_user_and_password_reach_the_client(environment: pytest.MonkeyPatch) -> None:
    tell(environment, SASL | {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"})
    assert security_here().client_options() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "orders",
        "sasl_plain_password": "s3cret",
    }


def test_a_password_file_is_read_anew_for_every_client(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    tell(environment, SASL | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)})
    security = security_here()
    assert security.client_options()["sasl_plain_password"] == "first"
    file.write_text("second\n")
    assert security.client_options()["sasl_plain_password"] == "second"


def test_certificates_of_authority_and_client_are_loaded(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    certificate, key = authority.sign("orders")
    tell(
        environment,
        {
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(authority.certificate),
            "KAFKA_SSL_CERTFILE": str(certificate),
            "KAFKA_SSL_KEYFILE": str(key),
        },
    )
    context = security_here().client_options()["ssl_context"]
    assert context.check_hostname
    assert [entry["subject"] for entry in context.get_ca_certs()] == [((("commonName", "shop tests"),),)]


SSL = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
NO_PASSWORD = {name: value for name, value in SASL.items() if name != "KAFKA_SASL_PASSWORD"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: Input should be 'PLAINTEXT', 'SSL'"),
        (SASL | {"KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM: Input should be 'SCRAM-SHA-256' or"),
        (SASL | {"KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME is missing"),
        (NO_PASSWORD, "in KAFKA_SASL_PASSWORD, or in a file that KAFKA_SASL_PASSWORD_FILE names"),
        (SASL | {"KAFKA_SASL_PASSWORD_FILE": "/dev/null"}, "one of them, not both"),
        (NO_PASSWORD | {"KAFKA_SASL_PASSWORD_FILE": "/dev/null"}, "KAFKA_SASL_PASSWORD_FILE: /dev/null is empty"),
        (NO_PASSWORD | {"KAFKA_SASL_PASSWORD_FILE": "/no/such"}, "KAFKA_SASL_PASSWORD_FILE cannot be read"),
        ({"KAFKA_SASL_USERNAME": "orders"}, "set KAFKA_SECURITY_PROTOCOL=SASL_SSL, or unset KAFKA_SASL_USERNAME"),
        (SASL | {"KAFKA_SSL_CAFILE": "/dev/null"}, "set KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL, or unset KAFKA_SSL_C"),
        (SSL | {"KAFKA_SSL_CAFILE": "/no/such"}, "KAFKA_SSL_CAFILE must be a PEM file .* No such file"),
        (SSL | {"KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE must be a PEM file"),
        (SSL | {"KAFKA_SSL_CERTFILE": __file__}, "KAFKA_SSL_CERTFILE must be a PEM file"),
        (SSL | {"KAFKA_SSL_KEYFILE": __file__}, "KAFKA_SSL_KEYFILE is set without KAFKA_SSL_CERTFILE"),
    ],
)
def test_what_cannot_be_is_refused_by_name(environment: pytest.MonkeyPatch, told: dict[str, str], said: str) -> None:
    tell(environment, told)
    with pytest.raises(ValidationError) as refused:
        ServiceSettings()
    with pytest.raises(SystemExit, match=said):
        from_environment(ServiceSettings)
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in what_is_wrong(refused.value)


def test_no_password_is_ever_shown(environment: pytest.MonkeyPatch) -> None:
    tell(environment, SASL)
    settings = ServiceSettings()
    shown = [
        repr(settings),
        str(settings),
        *settings.lines(),
        repr(settings.kafka_security),
        settings.model_dump_json(),
    ]
    assert [text for text in shown if "s3cret" in text] == []
    assert "kafka_sasl_username = orders" in settings.lines()
