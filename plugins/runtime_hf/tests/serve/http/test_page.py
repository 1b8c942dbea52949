"""The page at ``/`` in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from tests.support.browser import Browser, Tab, running_browser
from tests.support.hf_server import KEY, RunningServer, running_server
from tests.support.serve_options import options_for
from tests.support.tiny_models import save_served_models

from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

HOSTILE = "<img src=x onerror=\"window.hit='{}'\">"
IS_DONE = "!document.querySelector('[aria-busy]') && document.querySelectorAll('.assistant').length === {}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, server: RunningServer) -> Tab:
    """The page, before the key was given."""
    tab = browser.tab()
    tab.open(f"{server.url}/")
    return tab


def unlocked(tab: Tab, key: str = KEY) -> Tab:
    """Give the key, by the keyboard alone."""
    tab.until("document.activeElement.id === 'key-text'")
    tab.write(key)
    tab.press("Enter")
    return tab


def ask(tab: Tab, question: str) -> None:
    tab.value("document.getElementById('question').focus()")
    tab.write(question)
    tab.press("Enter")


def test_a_person_asks_by_the_keyboard_and_sees_model_adapters_state_and_answer(tab: Tab) -> None:
    tab.until("document.getElementById('state').dataset.phase === 'ready'")
    unlocked(tab).until("document.getElementById('model').innerText === 'tiny'")
    assert tab.value("document.getElementById('key').hidden")
    assert tab.text("adapters") == "adapters: facts, rhymes, facts.half"
    assert tab.value("[...document.getElementById('name').options].map(each => each.value)") == [
        "tiny",
        "facts",
        "rhymes",
        "facts.half",
    ]
    for identifier in ("running", "waiting", "rate", "cache"):
        tab.until(f"/^[0-9]/.test(document.getElementById({identifier!r}).innerText)")
    tab.value("document.getElementById('most').value = 12")
    ask(tab, "Where is the ship?")
    tab.until(IS_DONE.format(1))
    assert "12 tokens in" in tab.value("document.querySelector('.assistant small').innerText")
    assert tab.value("document.querySelector('.assistant p').innerText")
    ask(tab, "And now?")
    tab.until(IS_DONE.format(2))
    assert not tab.value("document.querySelector('.failed')")
    assert tab.faults == []


def test_it_streams_and_escape_stops_it(tab: Tab) -> None:
    unlocked(tab).until("document.getElementById('model').innerText === 'tiny'")
    tab.value("document.getElementById('most').value = 8000")
    ask(tab, "Tell me all.")
    tab.until("document.querySelector('.assistant p')?.innerText.length > 20")
    assert tab.value("document.querySelector('.assistant').getAttribute('aria-busy')") == "true"
    tab.press("Escape")
    tab.until(IS_DONE.format(1))
    assert "stopped" in tab.value("document.querySelector('.assistant small').innerText")
    assert not tab.value("document.getElementById('send').disabled")


def test_a_wrong_key_is_told_and_none_is_kept(tab: Tab) -> None:
    unlocked(tab, "wrong").until("document.getElementById('key-why').innerText.includes('not the server')")
    assert tab.value("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert tab.value("document.getElementById('key-text').value") == ""
    unlocked(tab).until("document.getElementById('model').innerText === 'tiny'")


def test_it_asks_nobody_but_its_server(tab: Tab, server: RunningServer) -> None:
    unlocked(tab).until("document.getElementById('model').innerText === 'tiny'")
    assert {url for url in tab.asked if not url.startswith((server.url, "data:"))} == set()
    assert tab.faults == []


def test_nothing_that_a_server_says_becomes_html(tab: Tab) -> None:
    names = [HOSTILE.format("model"), HOSTILE.format("adapter")]
    models = [{"id": names[0], "parent": None}, {"id": names[1], "parent": names[0]}]
    delta = {"content": HOSTILE.format("answer"), "reasoning": HOSTILE.format("thought")}
    chunk = {"choices": [{"delta": delta, "finish_reason": "stop"}]}
    tab.answers = {
        "/v1/models": (200, "application/json", json.dumps({"data": models})),
        "/v1/chat/completions": (200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"),
        "/health": (503, "application/json", json.dumps({"status": "Loading", "reason": HOSTILE.format("reason")})),
    }
    tab.until("document.getElementById('model').innerText.startsWith('<img')")
    ask(tab, HOSTILE.format("question"))
    tab.until(IS_DONE.format(1))
    assert tab.value("document.querySelector('.assistant p').innerText") == HOSTILE.format("answer")
    assert tab.value("document.querySelector('.assistant pre').textContent") == HOSTILE.format("thought")
    assert tab.text("model") == names[0]
    tab.until("document.getElementById('state').innerText.includes('onerror')")
    tab.answers["/v1/chat/completions"] = (400, "application/json", json.dumps({"error": {"message": names[0]}}))
    ask(tab, "Again")
    tab.until("document.querySelector('.failed small')?.innerText.includes('onerror')")
    assert tab.value("document.images.length") == 0
    assert tab.value("window.hit") is None


def test_its_policy_lets_nothing_else_run(tab: Tab) -> None:
    tab.value("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.hit = 1\">')")
    tab.value("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hit = 2'}))")
    assert tab.value("fetch('http://127.0.0.2:9/').then(() => 'sent', error => error.name)") == "TypeError"
    tab.until("document.images[0].complete")
    assert tab.value("window.hit") is None
    assert any("Content Security Policy" in fault for fault in tab.faults)


def test_it_says_that_the_model_is_loading_and_that_the_server_is_gone(tab: Tab) -> None:
    tab.answers = {"/health": (503, "application/json", '{"status": "Loading", "reason": "loading the model"}')}
    tab.until("document.getElementById('state').innerText === 'loading: loading the model'")
    tab.answers = {"/health": (200, "text/html", "<html>")}
    tab.until("document.getElementById('state').innerText === 'the server does not answer'")


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_read_in_the_dark_and_in_the_light(browser: Browser, server: RunningServer, dark: bool) -> None:
    """Text and its ground differ by 4.5 to 1 at least (WCAG 2.2, contrast of text)."""
    tab = browser.tab(dark=dark)
    tab.open(f"{server.url}/")
    script = Path(__file__).with_name("contrast.js").read_text()
    ratios = tab.value(script)
    assert len(ratios) > 20
    assert [each for each in ratios if each[1] < 4.5] == []


def test_every_field_has_a_name(tab: Tab) -> None:
    tab.send("Accessibility.enable")
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    fields = [node for node in nodes if node["role"]["value"] in ("textbox", "combobox", "spinbutton", "button", "log")]
    assert len(fields) >= 6
    assert [node for node in fields if not node.get("name", {}).get("value")] == []


def test_its_headers(http: httpx.Client, server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/", trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert http.head("/").status_code == 200
    assert "tiny" not in answer.text


def test_it_is_left_out_where_nobody_wants_it(tmp_path: Path) -> None:
    options = options_for(tmp_path, page=False)
    app = create_app(options, ModelThread(options, ServerMetrics()), ServerMetrics())
    answer = TestClient(app, base_url="http://127.0.0.1").get("/")
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_an_adapter_that_is_loaded_or_unloaded_meanwhile_is_seen(tab: Tab) -> None:
    def listed(*names: str) -> tuple[int, str, str]:
        models = [{"id": "base", "parent": None}, *({"id": name, "parent": "base"} for name in names)]
        return 200, "application/json", json.dumps({"data": models})

    tab.answers = {"/v1/models": listed()}
    tab.until("document.getElementById('adapters').innerText === 'no adapters'")
    tab.answers = {"/v1/models": listed("facts", "rhymes")}
    tab.until("document.getElementById('adapters').innerText === 'adapters: facts, rhymes'")
    assert tab.value("document.getElementById('name').value") == "base"
    tab.value("document.getElementById('name').value = 'rhymes'")
    tab.answers = {"/v1/models": listed("rhymes")}
    tab.until("document.getElementById('adapters').innerText === 'adapters: rhymes'")
    assert tab.value("document.getElementById('name').value") == "rhymes"


@pytest.mark.parametrize("width", [320, 1000])
def test_a_long_name_fits_the_screen(tab: Tab, width: int) -> None:
    tab.send("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=width < 600)
    models = [{"id": "m" * 120, "parent": None}, {"id": "an-adapter-" + "a" * 200, "parent": "m" * 120}]
    tab.answers = {"/v1/models": (200, "application/json", json.dumps({"data": models}))}
    tab.until("document.getElementById('model').innerText.startsWith('mmm')")
    ask(tab, "w" * 300)
    tab.until(IS_DONE.format(1))
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_a_server_that_goes_away_in_an_answer_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    """The question is kept, to be asked again, and no figure of before is shown as one of now."""
    models = save_served_models(tmp_path)
    flags = ("--model", str(models.base), "--served-model-name", "tiny", "--threads", "1")
    with running_server(tmp_path / "log", *flags) as server:
        server.wait_until_ready()
        tab = browser.tab()
        tab.open(f"{server.url}/")
        tab.until("document.getElementById('model').innerText === 'tiny'")
        tab.value("document.getElementById('most').value = 8000")
        ask(tab, "Tell me all.")
        tab.until("document.querySelector('.assistant p')?.innerText.length > 20")
        server.process.kill()
        tab.until(IS_DONE.format(1))
    said = "document.querySelector('.assistant.failed small').innerText"
    assert tab.value(said) == "tiny · the connection broke off before the end"
    assert tab.value("document.getElementById('question').value") == "Tell me all."
    tab.until("document.getElementById('state').innerText === 'the server does not answer'")
    tab.until("document.getElementById('running').innerText === '\\u2013'")
    tab.press("Enter")
    tab.until(IS_DONE.format(2))
    assert tab.value("[...document.querySelectorAll('.failed small')].at(-1).innerText") == (
        "tiny · the server does not answer"
    )
