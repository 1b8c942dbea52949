"""Every notation of an address that must not be read, as a table; the rules; the parser under hypothesis."""

from __future__ import annotations

from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.artifacts.addresses import Location, SourceRules, check_url, mask_url, parse_url
from llmwright.artifacts.networks import address_kind, is_metadata, literal_addresses
from llmwright.errors import ConfigError

ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))

REFUSED = [
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://127.0.1/x",
    "http://2130706433/x",
    "http://017700000001/x",
    "http://0177.0.0.1/x",
    "http://0x7f000001/x",
    "http://0x7f.0.0.1/x",
    "http://0x7F.0x0.0x0.0x1/x",
    "http://0x7f.1/x",
    "http://127.0.0.1./x",
    "http://010.0.0.1/x",
    "http://012.0.0.1/x",
    "http://0/x",
    "http://0x/x",
    "http://0.0.0.0/x",
    "http://10.1.2.3/x",
    "http://172.31.255.255/x",
    "http://192.168.0.1/x",
    "http://100.64.0.1/x",
    "http://169.254.1.1/x",
    "http://224.0.0.1/x",
    "http://240.0.0.1/x",
    "http://255.255.255.255/x",
    "http://198.18.0.1/x",
    "http://192.0.0.8/x",
    "http://[::]/x",
    "http://[::1]/x",
    "http://[0:0:0:0:0:0:0:1]/x",
    "http://[::127.0.0.1]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[::ffff:7f00:1]/x",
    "http://[::ffff:0:127.0.0.1]/x",
    "http://[64:ff9b::127.0.0.1]/x",
    "http://[64:ff9b::a00:1]/x",
    "http://[64:ff9b:1::8.8.8.8]/x",
    "http://[2002:7f00:1::]/x",
    "http://[2002:c0a8:1::1]/x",
    "http://[2001::1]/x",
    "http://[2001:db8::1]/x",
    "http://[2606:4700::5efe:10.0.0.1]/x",
    "http://[fe80::1]/x",
    "http://[fc00::1]/x",
    "http://[fd12:3456::1]/x",
    "http://[fec0::1]/x",
    "http://[ff02::1]/x",
    "http://[100::1]/x",
    "http://localhost/x",
    "http://LOCALHOST:8080/x",
    "http://localhost./x",
    "http://a.localhost/x",
    "http://127。0。0。1/x",
    "http://127\uff0e0\uff610.1/x",
    "http://\uff11\uff12\uff17.0.0.1/x",
    "http://①②⑦.⓪.⓪.①/x",
    "http://ⓛocalhost/x",
    "http://public.example@127.0.0.1/x",
    "http://public.example:80@127.0.0.1/x",
    "HTTP://127.0.0.1/x",
]

METADATA = [
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/x",
    "http://0xa9fea9fe/x",
    "http://0251.0376.0251.0376/x",
    "http://169.254.43518/x",
    "http://[::ffff:169.254.169.254]/x",
    "http://[64:ff9b::a9fe:a9fe]/x",
    "http://[2002:a9fe:a9fe::]/x",
    "http://[fd00:ec2::254]/x",
    "http://168.63.129.16/x",
    "http://100.100.100.200/x",
    "http://169.254.170.2/x",
    "http://metadata.google.internal/x",
    "http://METADATA.google.internal./x",
    "http://metadata/x",
]

MALFORMED = [
    "http://127%2e0%2e0%2e1/x",
    "http://%31%32%37.0.0.1/x",
    "http://127.0.0.1\\@public.example/x",
    "http://public.example\\x",
    "http://a@b@127.0.0.1/x",
    "http://[fe80::1%25eth0]/x",
    "http://[::1/x",
    "http://::1/x",
    "http://[::1]public.example/x",
    "http://256.1.1.1/x",
    "http://1.2.3.4.5/x",
    "http://lo\u00adcalhost/x",
    "http://-/x",
    "http://08.0.0.256/x",
    "http://4294967296/x",
    "http:///x",
    "http:x",
    "http://.../x",
    "http://public..example/x",
    "http://public.example:0/x",
    "http://public.example:65536/x",
    "http://public.example:8o/x",
    "http://exa mple/x",
    "http://exam\tple/x",
    "http://exa\nmple/x",
    "http://public.example/\x00",
    "http://℀.example/x",
    "http://" + "a" * 9000,
    "ftp://public.example/x",
    "gopher://public.example/x",
    "data:text/plain,x",
    "javascript:alert(1)",
    "hf://only-one-part/x",
    "hf://owner/name/../../secret",
]

FINE = [
    "https://public.example/x",
    "https://public.example:8443/x?token=abc",
    "http://8.8.8.8/x",
    "http://[2606:4700::1111]/x",
    "http://[64:ff9b::8.8.8.8]/x",
    "http://[::ffff:8.8.8.8]/x",
    "https://user:word@public.example/x",
    "https://bücher.example/x",
    "https://under_score.example/x",
    "https://127.0.0.1.public.example/x",
    "https://huggingface.co/datasets/o/n/resolve/main/train.parquet",
    "hf://datasets/owner/name/data/train.parquet",
    "hf://owner/name@v1.0/model.safetensors",
    "https://public.example",
]


@pytest.mark.parametrize("url", REFUSED)
def test_no_notation_of_an_inner_address_passes(url: str) -> None:
    problem = check_url(url, SourceRules())
    assert problem is not None
    assert "sources.allow" in problem


@pytest.mark.parametrize("url", METADATA)
def test_metadata_services_are_refused_whatever_is_allowed(url: str) -> None:
    host = parse_url(url).host
    for rules in (SourceRules(), ANYWHERE, SourceRules(("169.254.169.254", host))):
        assert "always refused" in (check_url(url, rules) or "")


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_no_plain_url_is_refused_whatever_is_allowed(url: str) -> None:
    assert check_url(url, ANYWHERE)


@pytest.mark.parametrize("url", FINE)
def test_public_places_pass(url: str) -> None:
    assert check_url(url, SourceRules()) is None


@pytest.mark.parametrize("url", REFUSED)
def test_an_allowed_cidr_lets_every_notation_pass(url: str) -> None:
    assert check_url(url, ANYWHERE) is None


@pytest.mark.parametrize(
    ("allow", "url", "passes"),
    [
        ("10.0.0.0/8", "http://10.9.8.7/x", True),
        ("10.0.0.0/8", "http://[::ffff:10.9.8.7]/x", True),
        ("10.0.0.0/8", "http://[64:ff9b::10.9.8.7]/x", True),
        ("10.0.0.0/8", "http://192.168.0.1/x", False),
        ("127.0.0.1", "http://localhost:9/x", True),
        ("localhost", "http://LocalHost.:9/x", True),
        ("localhost", "http://127.0.0.1:9/x", False),
        ("::1", "http://[0::1]/x", True),
        ("[fd00::1]", "http://[fd00::1]/x", True),
        ("8.0.0.0/8", "http://010.0.0.1/x", False),
    ],
)
def test_allow_holds_hosts_addresses_and_cidrs(allow: str, url: str, passes: bool) -> None:
    assert (check_url(url, SourceRules((allow,))) is None) == passes


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "http://host", "a b", "", "host:80", "*", "-", "127.1", "a/b", "é é"])
def test_an_unusable_entry_of_allow_is_named(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"sources\.allow"):
        SourceRules((entry,))


def test_local_paths_pass_only_where_the_caller_reads_them() -> None:
    for url in ("file:///etc/hosts", "FILE:/etc/hosts", "data/train.json", "/etc/hosts", "./a:b"):
        assert "local path" in (check_url(url, SourceRules()) or "")
        assert check_url(url, SourceRules(), local=True) is None


def test_secrets_are_masked_in_problems() -> None:
    problem = check_url("http://user:pa55word@127.0.0.1/x?sig=s3cret&plain#fr4gment", SourceRules())
    assert problem is not None
    assert "http://***@127.0.0.1/x?sig=***&***" in problem
    assert not any(secret in problem for secret in ("pa55word", "s3cret", "plain", "fr4gment"))
    for broken in ("http://user:pa55word@[::1/x?sig=s3cret", "ftp://user:pa55word@h/x", "http://u:pa55word@b@h/"):
        assert "pa55word" not in (check_url(broken, SourceRules()) or "pa55word")


def test_kinds_follow_the_address_inside() -> None:
    assert address_kind(ip_address("2002:808:808::")) == ""
    assert address_kind(ip_address("2002:a00:1::")) == "private"
    assert address_kind(ip_address("100.127.255.255")) == "carrier-grade NAT"
    assert address_kind(ip_address("100.128.0.1")) == ""
    assert is_metadata(ip_address("64:ff9b::a9fe:a9fe"))


def test_a_leading_zero_is_read_both_ways() -> None:
    assert [str(address) for address in literal_addresses("010.8.0.1")] == ["8.8.0.1", "10.8.0.1"]
    assert [str(address) for address in literal_addresses("08.8.0.1")] == ["8.8.0.1"]
    assert literal_addresses("a.example") == ()


def test_joining_keeps_userinfo_only_for_the_same_origin() -> None:
    here = parse_url("https://user:word@public.example/a/b")
    assert here.join("c").userinfo == ("user", "word")
    assert here.join("c").url == "https://public.example/a/c"
    assert here.join("https://public.example:8443/c").userinfo is None
    assert here.join("//other.example/c").userinfo is None
    assert "word" not in repr(here)


@given(st.text(max_size=60))
def test_check_url_never_raises(text: str) -> None:
    for url in (
        text,
        f"http://{text}",
        f"http://{text}/x",
        f"http://a@{text}:80/x",
        f"hf://{text}",
        f"http://h/{text}",
    ):
        for local in (False, True):
            problem = check_url(url, SourceRules(), local=local)
            assert problem is None or problem


hosts = st.one_of(
    st.ip_addresses().map(lambda a: f"[{a}]" if a.version == 6 else str(a)),
    st.integers(0, 2**32 - 1).map(str),
    st.integers(0, 2**32 - 1).map(hex),
    st.integers(0, 2**32 - 1).map(lambda n: f"0{n:o}"),
)


@given(hosts)
def test_a_literal_passes_exactly_when_it_is_public(host: str) -> None:
    location = parse_url(f"http://{host}/")
    bad = any(address_kind(address) or is_metadata(address) for address in location.addresses)
    assert (check_url(f"http://{host}/", SourceRules()) is not None) == bad


@given(st.text(max_size=60))
def test_parsing_raises_only_value_errors_and_is_stable(text: str) -> None:
    try:
        location = parse_url(f"http://{text}")
    except ValueError:
        return
    again = parse_url(location.url)
    assert isinstance(again, Location)
    assert (again.origin, again.target) == (location.origin, location.target)
    assert httpx.URL(location.url).raw_host.decode() == location.host


@given(st.text(max_size=80))
def test_masking_takes_any_text(text: str) -> None:
    assert "s3cret" not in mask_url(f"https://u:s3cret@h/{text}?k=s3cret#s3cret")
