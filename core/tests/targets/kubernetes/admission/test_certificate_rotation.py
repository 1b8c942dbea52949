"""Certificates are trusted before they are served, and served no longer than they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from llmwright.targets.kubernetes.admission.certificate_rotation import CertificateRotation
from llmwright.targets.kubernetes.admission.certificates import Certificate, issue, still_valid

START = datetime(2030, 1, 1, tzinfo=UTC)
VALIDITY = timedelta(seconds=80)


def bare(now: datetime) -> Certificate:
    """One without a real key, as quickly made as a test of hundreds of steps wants it."""
    return Certificate(now.isoformat().encode(), b"", now, now + VALIDITY)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_successor_is_made_known_before_it_is_served() -> None:
    rotation = CertificateRotation(bare, VALIDITY, START)
    first = rotation.served
    assert rotation.to_publish(after(0)) == (first,)
    assert not rotation.is_trusted(after(0))
    rotation.published(after(1))
    assert not rotation.is_trusted(after(10))
    assert rotation.is_trusted(after(11))
    assert rotation.pause_s(after(11)) == 29
    _, second = rotation.to_publish(after(40))
    rotation.published(after(41))
    assert (rotation.served, rotation.is_trusted(after(41)), rotation.pause_s(after(41))) == (first, True, 10)
    rotation.published(after(51))
    assert rotation.served is second
    assert {first, second} == {*rotation.issued()}


def test_what_could_not_be_made_known_in_time_is_not_trusted() -> None:
    rotation = CertificateRotation(bare, VALIDITY, START)
    rotation.to_publish(START)
    rotation.published(START)
    rotation.to_publish(after(40))
    assert not rotation.is_trusted(after(80))
    rotation.published(after(90))
    assert rotation.served.issued == after(40)


@given(st.lists(st.floats(0.05, 30), min_size=1, max_size=60), st.integers(0, 3))
def test_nothing_is_served_that_was_not_known_for_an_eighth_of_its_life(pauses: list[float], failing: int) -> None:
    rotation, now = CertificateRotation(bare, VALIDITY, START), START
    known: dict[Certificate, datetime] = {}
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        before, expired = rotation.served, now >= rotation.served.expires
        wanted = rotation.to_publish(now)
        if failing and number % (failing + 1) == 0:
            continue
        for one in wanted:
            known.setdefault(one, now)
        rotation.published(now)
        if rotation.served is not before and not expired:
            assert now - known[rotation.served] >= rotation.settling
        assert rotation.pause_s(now) > 0


def test_a_bundle_loses_what_expired_and_what_is_none() -> None:
    make = partial(issue, "ws.svc", timedelta(hours=2))
    old, new = make(START), make(after(3600))
    rubbish = b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"
    bundle = old.text + rubbish + b"text" + new.text + new.text
    assert still_valid(bundle, START) == (old.text, new.text)
    assert still_valid(bundle, after(7200)) == (new.text,)
    assert still_valid(b"", START) == ()


def test_keys_are_not_shown() -> None:
    assert b"PRIVATE" in issue("ws.svc", VALIDITY, START).key
    assert "PRIVATE" not in repr(issue("ws.svc", VALIDITY, START))
