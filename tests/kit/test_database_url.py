"""The database's URL is looked at when the process starts."""

from pathlib import Path

import pytest

from kit.database_url import checked
from kit.settings import ServiceSettings, from_environment, masked
from tests.tls import Authority

URL = "postgresql://orders:s3cret@db:5432/orders"


def test_a_url_without_or_with_protection_is_taken_as_it_is(tmp_path: Path) -> None:
    certificate = Authority.create(tmp_path).certificate
    for url in (URL, f"{URL}?sslmode=require", f"{URL}?sslmode=verify-full&sslrootcert={certificate}"):
        assert checked(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("db:5432", "postgresql://user:password@host:port/name"),
        ("mysql://db/orders", "does not begin with postgresql://"),
        (URL.replace("5432", "five"), "this is no URL"),
        (
            f"{URL}?sslmode=on",
            "sslmode=on does not exist; it is one of disable, allow, prefer, require, verify-ca, ver",
        ),
        (f"{URL}?sslmode=verify-full", "sslmode=verify-full needs .* &sslrootcert=FILE"),
        (f"{URL}?sslmode=verify-ca&sslrootcert=/no/such", "sslrootcert must be a PEM file .* No such file"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    with pytest.raises(SystemExit, match=f"SHOP_DATABASE_URL: .*{said}") as refused:
        from_environment(ServiceSettings)
    assert "s3cret" not in str(refused.value)


def test_passwords_among_the_parameters_are_masked_too() -> None:
    shown = masked("postgresql://orders:one@db/orders?sslmode=require&sslpassword=two&password=three")
    assert shown == "postgresql://orders:***@db/orders?sslmode=require&sslpassword=***&password=***"
