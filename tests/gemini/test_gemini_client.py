import asyncio

import pytest
from pydantic import SecretStr

from tests.gemini.support import KEY, WITH_KEY, WITH_VERTEX, call, engine_on
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.console import UserError
from utils.core.settings import Settings
from utils.gemini.client import endpoint_name, is_loopback, make_client
from utils.gemini.engine import open_engine

BOTH = Settings(google_api_key=SecretStr(KEY), gcp_project="shop", gcp_project_location="europe-west4")


async def _path_asked(server, folder, settings, vertex=None):
    async with open_engine(
        settings,
        ledger_path=folder / "l.sqlite",
        model="gemini-test",
        rpm=None,
        concurrency=1,
        base_url=server.base_url,
        vertex=vertex,
    ) as engine:
        reply = await engine.ask(call())
    assert reply.status == "ok"
    return server.requests[-1].path


@pytest.mark.parametrize(
    ("settings", "vertex", "path"),
    [
        (WITH_KEY, None, "/v1/models/gemini-test:generateContent"),
        (BOTH, None, "/v1/models/gemini-test:generateContent"),
        (BOTH, False, "/v1/models/gemini-test:generateContent"),
        (
            WITH_VERTEX,
            None,
            "/v1beta1/projects/shop/locations/europe-west4/publishers/google/models/gemini-test:generateContent",
        ),
        (
            BOTH,
            True,
            "/v1beta1/projects/shop/locations/europe-west4/publishers/google/models/gemini-test:generateContent",
        ),
    ],
)
def test_settings_and_flag_choose_the_service(tmp_path, settings, vertex, path):
    with LoopbackGemini() as server:
        assert asyncio.run(_path_asked(server, tmp_path, settings, vertex)) == path


@pytest.mark.parametrize(
    ("settings", "vertex", "named"),
    [
        (Settings(), None, ["GOOGLE_API_KEY", "GCP_PROJECT", "GCP_PROJECT_LOCATION", "--provider corpus"]),
        (Settings(gcp_project="shop"), None, ["GOOGLE_API_KEY", "GCP_PROJECT_LOCATION", "--provider corpus"]),
        (WITH_KEY, True, ["GCP_PROJECT", "GCP_PROJECT_LOCATION", "--provider corpus"]),
        (WITH_VERTEX, False, ["GOOGLE_API_KEY", "--provider corpus"]),
    ],
)
def test_missing_settings_are_named_in_one_line(monkeypatch, settings, vertex, named):
    monkeypatch.setenv("GEMINI_API_KEY", "must-not-be-picked-up")
    with pytest.raises(UserError) as caught:
        make_client(settings, vertex=vertex)
    assert all(name in str(caught.value) for name in named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8099", "ftp://host", "http://", "gemini.example"])
def test_a_base_url_that_is_none_is_refused(url):
    with pytest.raises(UserError, match="base URL"):
        make_client(WITH_KEY, url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "google"),
        ("http://127.0.0.1:5", "loopback"),
        ("http://[::1]:5/x", "loopback"),
        ("http://localhost", "loopback"),
        ("http://127.0.0.1.example.org", "http://127.0.0.1.example.org"),
        ("https://proxy.example/", "https://proxy.example"),
    ],
)
def test_only_this_machine_counts_as_loopback(url, expected):
    assert endpoint_name(url) == expected
    assert is_loopback(url) == (expected == "loopback")


def test_vertex_elsewhere_than_on_loopback_needs_google_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))

    async def ask():
        async with open_engine(
            WITH_VERTEX,
            ledger_path=tmp_path / "l.sqlite",
            model="gemini-test",
            rpm=None,
            concurrency=1,
            base_url="http://vertex.invalid:9",
        ) as engine:
            await engine.ask(call())

    with pytest.raises(UserError, match="no usable Google credentials"):
        asyncio.run(ask())


def test_the_request_carries_prompt_and_parameters(tmp_path):
    asked = call(
        system_instruction="Answer in PyDough.",
        contents=[("user", "one"), ("model", "two"), ("user", "three")],
        top_p=0.9,
        max_output_tokens=77,
        thinking_budget=0,
        seed=11,
    )

    async def ask(server):
        async with engine_on(server, tmp_path) as engine:
            await engine.ask(asked)

    with LoopbackGemini() as server:
        asyncio.run(ask(server))
        body = server.requests[0].body
    turns = [(turn["role"], turn["parts"][0]["text"]) for turn in body["contents"]]
    assert turns == [("user", "one"), ("model", "two"), ("user", "three")]
    assert body["systemInstruction"]["parts"][0]["text"] == "Answer in PyDough."
    config = body["generationConfig"]
    assert (config["temperature"], config["topP"], config["maxOutputTokens"], config["seed"]) == (0.5, 0.9, 77, 11)
    assert 0 in config["thinkingConfig"].values()


def test_what_is_not_set_is_not_sent(tmp_path):
    async def ask(server):
        async with engine_on(server, tmp_path) as engine:
            await engine.ask(call(temperature=None))

    with LoopbackGemini() as server:
        asyncio.run(ask(server))
        assert set(server.requests[0].body) <= {"contents", "generationConfig"}
        assert not server.requests[0].body.get("generationConfig")


@pytest.mark.parametrize(
    "url",
    ["http://user:hunter2@127.0.0.1:9", "http://127.0.0.1:9/?key=hunter2", "htp://hunter2@x", "http://h/#hunter2"],
)
def test_a_base_url_with_secrets_in_it_is_refused_without_showing_them(url):
    with pytest.raises(UserError, match="without user, password or query") as refused:
        make_client(WITH_KEY, url)
    assert "hunter2" not in str(refused.value)
