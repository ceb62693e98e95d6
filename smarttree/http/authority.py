"""An authority that signs certificates, by ACME (RFC 8555), for one name: asked, and answered by http-01.

Everything here blocks, for a minute and a half at most: for a thread. Account and certificate are kept in a directory,
for the owner alone; the certificate with its key in one file, so that one is never there without the other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import josepy.errors
import josepy.jwa
import josepy.jwk
import requests
from acme import challenges, client, messages
from acme import errors as acme_errors
from cryptography.hazmat.primitives import serialization

import smarttree
from smarttree.errors import CertificateRefused
from smarttree.http.certificate import key_pem, lifetime, make_key, names_of, request_pem
from smarttree.http.private import write_private

_LOG = logging.getLogger("smarttree.http")

TIMEOUT_S: Final = 30
ASK_AGAIN: Final = timedelta(hours=6)
TOO_MUCH: Final = frozenset({429, 503})  # with these an authority may say when to come back
WAIT_MAX_S: Final = 86_400.0  # whatever it says
_FAILURES: Final = (
    acme_errors.Error,
    messages.Error,
    requests.RequestException,
    josepy.errors.Error,
    OSError,
    ValueError,
)


class Authority:
    """`url` is its directory; `answers` are what http-01 is answered by, while something is to be proven."""

    def __init__(
        self, directory: Path, name: str, url: str, ca_file: str | None, answers: MutableMapping[str, str]
    ) -> None:
        self._directory, self._name, self._url, self._ca_file = directory, name, url, ca_file
        self._answers = answers
        self._wait_s = 0.0
        self.path = directory / f"{name}.pem"

    def is_due(self, now: datetime) -> tuple[bool, datetime]:
        """Whether a certificate is to be asked for, and when to look again. Raises CertificateRefused."""
        try:
            pem = self.path.read_bytes()
            begins, ends = lifetime(pem)
        except (OSError, ValueError):
            return True, now
        if self._name not in names_of(pem) or now >= ends:
            return True, now
        when, again = begins + (ends - begins) * 2 / 3, now + ASK_AGAIN
        try:
            suggested, again = self._client().renewal_time(pem)
            when, again = suggested or when, _aware(again)
        except _FAILURES as error:
            _LOG.info("the authority does not say when to renew (%s): at two thirds of the lifetime, then", error)
        return now >= _aware(when), min(_aware(when), again)

    def obtain(self) -> None:
        """Have a new certificate signed, and keep it. Raises CertificateRefused."""
        key, self._wait_s = make_key(), 0.0
        try:
            asked = self._client()
            order = asked.new_order(request_pem(key, self._name))
            self._prove(asked, order)
            signed = asked.poll_and_finalize(order)  # within 90 s, as the library has it
            write_private(self.path, key_pem(key) + signed.fullchain_pem.encode())
        except _FAILURES as error:
            told = f"no certificate for {self._name} from {self._url}: {_why(error)}"
            raise CertificateRefused(told, self._wait_s) from error
        finally:
            self._answers.clear()

    def _prove(self, asked: client.ClientV2, order: messages.OrderResource) -> None:
        """Say by http-01 that the name is ours, where that is not known yet."""
        for authorization in order.authorizations:
            if authorization.body.status == messages.STATUS_VALID:
                continue
            offered = [each for each in authorization.body.challenges if isinstance(each.chall, challenges.HTTP01)]
            if not offered:
                raise ValueError("the authority does not offer http-01")
            response, answer = offered[0].chall.response_and_validation(asked.net.key)
            self._answers[offered[0].chall.encode("token")] = answer
            asked.answer_challenge(offered[0], response)

    def _client(self) -> client.ClientV2:
        """With the account, which is made if there is none."""
        key = josepy.jwk.JWKEC(key=self._account_key())
        net = client.ClientNetwork(
            key, alg=josepy.jwa.ES256, user_agent=f"smarttree/{smarttree.__version__}", timeout=TIMEOUT_S,
            verify_ssl=self._ca_file or True,  # type: ignore[arg-type]  # as requests takes it
        )  # fmt: skip
        net.session.hooks["response"].append(self._heed)
        asked = client.ClientV2(client.ClientV2.get_directory(self._url, net), net)
        kept = self._directory / "account.json"
        try:
            known: dict[str, Any] = json.loads(kept.read_bytes())
            uri = known["uri"] if known["directory"] == self._url else ""
        except (OSError, ValueError, KeyError):
            uri = ""
        if not uri:
            uri = self._register(asked)
            write_private(kept, json.dumps({"directory": self._url, "uri": uri}).encode())
        net.account = messages.RegistrationResource(uri=uri, body=messages.Registration())
        return asked

    def _heed(self, response: requests.Response, **_: object) -> None:
        """Remember when it wants to be asked again: the library forgets it where it makes an error of an answer."""
        if response.status_code in TOO_MUCH and "Retry-After" in response.headers:
            then = client.ClientV2.retry_after(response, 0)
            self._wait_s = min(WAIT_MAX_S, (then - datetime.now(then.tzinfo)).total_seconds())

    @staticmethod
    def _register(asked: client.ClientV2) -> str:
        agreed = messages.NewRegistration.from_data(terms_of_service_agreed=True)
        try:
            return str(asked.new_account(agreed).uri)
        except acme_errors.ConflictError as known:
            return str(known.location)

    def _account_key(self) -> Any:
        path = self._directory / "account.key"
        try:
            return serialization.load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            key = make_key()
            write_private(path, key_pem(key))
            return key


def _aware(moment: datetime) -> datetime:
    """The library tells some of its times without a zone, and means the machine's."""
    return moment if moment.tzinfo is not None else moment.astimezone(UTC)


def _why(error: BaseException) -> str:
    """In one line."""
    if isinstance(error, acme_errors.ValidationError):
        told = [each.error.detail for one in error.failed_authzrs for each in one.body.challenges if each.error]
        return "; ".join(filter(None, told)) or "it could not see that the name is ours"
    return " ".join(str(error).split()) or type(error).__name__
