"""Who may do what at the web server: hosts, origins, tokens, sessions and roles."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client import REGISTRY

from digitcam.certificate import ensure_certificate
from services.display.web.access import cookie_name, find_address
from services.display.web.connections import ConnectionLimit
from services.display.web.guesses import IN_ALL, MAX_ADDRESSES, PER_ADDRESS, GuessLimiter, group_address
from services.display.web.server import WebServer
from services.display.web.sessions import AGE_S, KEY_FILE, AccessRole, SessionSigner
from tests.services.display.web.test_server import Browser, fetch, in_browser, open_live_view, settings

TOKEN, WATCH_TOKEN = "a secret of the tests", "a secret to watch with"
HTML = {"Accept": "text/html,*/*"}
WRONG = {"Authorization": "Bearer a guess"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


@pytest.fixture
def locked_server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN, WEB_WATCH_TOKEN=WATCH_TOKEN), time.monotonic)
    yield server
    server.close()


async def sign_in(server: WebServer, **more: Any) -> tuple[int, str, str]:
    """Send the form; return status, Set-Cookie and the page or the address that follows."""
    form = {"token": TOKEN, "next": "/draw"} | more.pop("form", {})
    async with aiohttp.ClientSession() as session:
        answer = await session.post(server.url + "/login", data=form, allow_redirects=False, **more)
        return (
            answer.status,
            answer.headers.get("Set-Cookie", ""),
            answer.headers.get("Location") or await answer.text(),
        )


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "[::1"}]
)
def test_foreign_host_or_origin_is_refused(server: WebServer, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        for path in ("/", "/ws"):
            status, text, _ = await fetch(server, path, **headers)
            assert status == 403
            assert "answers to" in json.loads(text)["error"]

    in_browser(scenario)


IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/cameras", IMAGE, 403),
        ("/", IMAGE, 403),
        ("/", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/", LINK | {"Sec-Fetch-Mode": "no-cors"}, 403),
        ("/api/cameras", IMAGE | {"Sec-Fetch-Site": "same-site"}, 403),
        ("/", LINK, 200),
        ("/camera", LINK, 200),
        ("/api/docs", LINK, 200),
        ("/api/cameras", LINK, 403),
        ("/api/cameras", LINK | {"Sec-Fetch-User": "?1"}, 200),
        ("/api/cameras", IMAGE | {"Sec-Fetch-Site": "same-origin"}, 200),
        ("/api/cameras", IMAGE | {"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_other_sites_may_only_link_to_pages(server: WebServer, path: str, headers: dict[str, str], status: int) -> None:
    async def scenario() -> None:
        assert (await fetch(server, path, **headers))[0] == status

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/", "/api/cameras", "/nothing"])
def test_every_answer_forbids_what_no_page_here_needs(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        _, _, headers = await fetch(server, path)
        wanted = {
            "Cache-Control": "no-cache",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        assert {name: headers.get(name) for name in wanted} == wanted
        policy = headers["Content-Security-Policy"]
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))

    in_browser(scenario)


def count_refused(reason: str) -> float:
    return REGISTRY.get_sample_value("digitcam_refusals_total", {"reason": reason}) or 0.0


@pytest.mark.parametrize(
    ("reason", "headers"),
    [("host", {"Host": "evil.example"}), ("origin", {"Origin": "http://evil.example"}), ("origin", IMAGE)],
)
def test_refusal_is_counted_by_its_reason(server: WebServer, reason: str, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        before = count_refused(reason)
        await fetch(server, "/api/cameras", **headers)
        assert count_refused(reason) == before + 1

    in_browser(scenario)


def test_wrong_token_and_missing_role_are_counted(locked_server: WebServer) -> None:
    async def scenario() -> None:
        before = [count_refused(reason) for reason in ("token", "role")]
        await fetch(locked_server, "/api/cameras", **WRONG)
        await fetch(locked_server, "/draw", **bearer(WATCH_TOKEN))
        await sign_in(locked_server, form={"token": "a guess"})
        assert [count_refused(reason) for reason in ("token", "role")] == [before[0] + 2, before[1] + 1]

    in_browser(scenario)


def test_own_origin_is_accepted(server: WebServer) -> None:
    async def scenario() -> None:
        file = server.url.replace("http://", "file://")
        assert (await fetch(server, "/", Origin=file))[0] == 403
        async with open_live_view(server, Origin=server.url):
            pass

    in_browser(scenario)


def test_token_is_removed_from_the_address_also_with_a_cookie(locked_server: WebServer) -> None:
    async def scenario() -> None:
        cookie = (await sign_in(locked_server))[1].partition(";")[0]
        for path in ("/", "/camera", "/draw", "/api/docs"):
            for headers in ({}, {"Cookie": cookie}):
                status, _, answer = await fetch(locked_server, f"{path}?token={TOKEN}", **headers)
                assert (status, answer["Location"]) == (303, path)

    in_browser(scenario)


def test_nothing_is_served_without_the_token(locked_server: WebServer) -> None:
    async def scenario() -> None:
        for path in ("/", "/live_view.js", "/ws", "/?token=", "/?token=guess", "/?token=%ff"):
            status, text, _ = await fetch(locked_server, path)
            assert status == 401
            assert "token" in json.loads(text)["error"]
            assert TOKEN not in text

    in_browser(scenario)


def test_each_port_of_a_host_has_its_own_cookie() -> None:
    hosts = ("me.example", "me.example:8000", "me.example:8443", "[::1]:8000", "[::1]")
    names = [cookie_name(make_mocked_request("GET", "/", {"Host": host})) for host in hosts]
    assert [name.removeprefix("digitcam_session_") for name in names] == ["http", "8000", "8443", "8000", "http"]


def test_token_in_the_address_becomes_a_cookie(locked_server: WebServer) -> None:
    async def scenario() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name too
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            entered = await session.get(locked_server.url, params={"token": TOKEN})
            assert (entered.status, str(entered.url)) == (200, locked_server.url + "/")
            assert (await session.get(locked_server.url + "/live_view.js")).status == 200
            async with session.ws_connect(locked_server.url + "/ws") as opened:
                await Browser(opened).message("pipeline")

    in_browser(scenario)


def test_program_may_pass_the_token_in_the_websocket_address(locked_server: WebServer) -> None:
    async def scenario() -> None:
        address = f"{locked_server.url}/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(address, params={"token": TOKEN}) as opened:
            await Browser(opened).message("pipeline")

    in_browser(scenario)


def test_program_may_send_the_token_in_a_header(locked_server: WebServer) -> None:
    async def scenario() -> None:
        assert (await fetch(locked_server, "/api/cameras", **bearer(TOKEN)))[0] == 200
        assert (await fetch(locked_server, "/api/cameras", Authorization=f"bearer  {TOKEN}"))[0] == 200
        status, text, headers = await fetch(locked_server, "/api/cameras", **WRONG)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert json.loads(text)["error"] == "This token is not right."

    in_browser(scenario)


def test_guesses_are_refused_after_ten_and_sessions_go_on(locked_server: WebServer) -> None:
    async def scenario() -> None:
        cookie = (await sign_in(locked_server))[1].partition(";")[0]
        answers = [(await fetch(locked_server, f"/?token={n}"))[0] for n in range(PER_ADDRESS)]
        assert answers == [401] * PER_ADDRESS
        for path, headers in (("/", bearer(TOKEN)), (f"/api/cameras?token={TOKEN}", {}), ("/ws", WRONG)):
            status, text, answer = await fetch(locked_server, path, **headers)
            assert (status, answer["Retry-After"]) == (429, "60")
            assert "Wait a minute" in text
        status, _, page = await sign_in(locked_server)
        assert (status, "Too many wrong tokens" in page) == (429, True)
        for path in ("/api/cameras", "/api/cameras?token=guess"):
            assert (await fetch(locked_server, path, Cookie=cookie))[0] == 200
        assert (await fetch(locked_server, "/api/cameras"))[0] == 401
        other = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7"}  # a client of a proxy on this machine
        assert (await fetch(locked_server, "/api/cameras", **other, **bearer(TOKEN)))[0] == 200

    in_browser(scenario)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("127.0.0.1", "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        ("::1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("192.0.2.9", "198.51.100.7", "192.0.2.9"),
        ("192.0.2.9", "", "192.0.2.9"),
    ],
)
def test_only_a_proxy_on_this_machine_may_name_the_address(remote: str, forwarded: str, address: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert find_address(make_mocked_request("GET", "/", headers).clone(remote=remote)) == address


def test_only_a_request_that_was_let_in_makes_its_connection_trusted(
    locked_server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        for path, headers in (("/login", {}), ("/api/cameras", WRONG), ("/draw", bearer(WATCH_TOKEN))):
            await fetch(locked_server, path, **headers)
        assert trusted == []
        await fetch(locked_server, "/", **bearer(WATCH_TOKEN))
        assert len(trusted) == 1

    trusted: list[object] = []
    monkeypatch.setattr(ConnectionLimit, "trust", lambda _, transport: trusted.append(transport))
    in_browser(scenario)


def test_token_counts_for_more_than_the_session(locked_server: WebServer) -> None:
    async def scenario() -> None:
        cookie = (await sign_in(locked_server, form={"token": WATCH_TOKEN}))[1].partition(";")[0]
        assert (await fetch(locked_server, "/draw", Cookie=cookie))[0] == 403
        assert (await fetch(locked_server, "/draw", Cookie=cookie, **bearer(TOKEN)))[0] == 200

    in_browser(scenario)


def test_wrong_tokens_of_a_minute_are_counted_by_address_and_in_all() -> None:
    limiter = GuessLimiter(0.0)
    for _ in range(PER_ADDRESS):
        assert not limiter.is_blocked("a", 0.0)
        limiter.record_wrong("a", 0.0)
    assert limiter.is_blocked("a", 1.0)
    assert not limiter.is_blocked("b", 1.0)
    assert not limiter.is_blocked("a", 7.0)  # one of ten a minute
    for n in range(IN_ALL):
        limiter.record_wrong(f"of many {n}", 7.0)
    assert limiter.is_blocked("b", 7.0)
    assert not limiter.is_blocked("b", 67.0)


def test_memory_for_guesses_is_limited() -> None:
    limiter = GuessLimiter(0.0)
    for n in range(2 * MAX_ADDRESSES):
        limiter.record_wrong(f"{n}", 0.0)
    assert len(limiter._by_address) == MAX_ADDRESSES


def test_addresses_of_one_customer_count_as_one() -> None:
    assert group_address("2001:db8:1:2:3::1") == group_address("2001:db8:1:2:ffff::2") != group_address("2001:db8::1")
    assert group_address("192.0.2.1") == "192.0.2.1"
    assert group_address("fe80::1%eth0") == "fe80::/64"
    assert group_address("no address") == "no address"


def test_cookie_is_not_the_token_and_outlives_a_restart_but_not_the_token(tmp_path: Path) -> None:
    async def scenario() -> None:
        for token, status in ((TOKEN, 200), (TOKEN, 200), ("another token of the tests", 401)):
            server = WebServer(settings(tmp_path, WEB_TOKEN=token), time.monotonic)
            if not cookies:
                cookies.append((await sign_in(server))[1].partition(";")[0].partition("=")[2])
            name = f"digitcam_session_{server.url.rpartition(':')[2]}"
            assert (await fetch(server, "/", Cookie=f"{name}={cookies[0]}"))[0] == status
            assert (await fetch(server, "/", Cookie=f"{name}={cookies[0][:-1]}"))[0] == 401
            assert (await fetch(server, "/", Cookie=f"{name}={TOKEN}"))[0] == 401
            server.close()

    cookies: list[str] = []
    in_browser(scenario)
    assert TOKEN not in cookies[0]
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0


def test_session_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = SessionSigner({AccessRole.WATCH: WATCH_TOKEN}, tmp_path / KEY_FILE)
    cookie = sessions.sign(AccessRole.WATCH)
    assert sessions.read(cookie) is AccessRole.WATCH
    began = time.time()
    monkeypatch.setattr("time.time", lambda: began + AGE_S + 2)
    assert sessions.read(cookie) is None


def test_sessions_work_without_a_file_for_their_key(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    sessions = SessionSigner({AccessRole.WATCH: WATCH_TOKEN}, tmp_path / KEY_FILE)
    assert sessions.read(sessions.sign(AccessRole.WATCH)) is AccessRole.WATCH


def test_watcher_may_look_and_change_nothing(locked_server: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession(headers=bearer(WATCH_TOKEN)) as session:
            for path in ("/", "/api/cameras", "/api/readings", "/api/recordings", "/api/corrections", "/api/docs"):
                assert (await session.get(locked_server.url + path)).status == 200
            async with session.ws_connect(locked_server.url + "/ws") as opened:
                await Browser(opened).message("pipeline")
            for method, path in (
                ("PUT", "/api/cameras/hall"),
                ("DELETE", "/api/cameras/hall"),
                ("POST", "/api/recordings"),
                ("DELETE", "/api/recordings/20260101T000000Z-demo"),
                ("POST", "/api/corrections"),
                ("DELETE", "/api/corrections/1"),
                ("GET", "/camera"),
                ("GET", "/draw"),
                ("GET", "/browser/ws"),
                ("GET", "/draw/ws"),
                ("POST", "/nothing"),
            ):
                answer = await session.request(method, locked_server.url + path, json={})
                assert answer.status == 403, path
                assert "may watch" in (await answer.json())["error"]
            assert "data-role" in await (await session.get(locked_server.url)).text()
        assert "data-role" not in (await fetch(locked_server, "/", **bearer(TOKEN)))[1]

    in_browser(scenario)


def test_person_without_a_token_gets_a_form_on_every_page(locked_server: WebServer) -> None:
    async def scenario() -> None:
        for path in ("/", "/camera", "/draw", "/api/docs"):
            status, text, headers = await fetch(locked_server, path, **HTML)
            assert (status, headers["Content-Type"]) == (401, "text/html; charset=utf-8")
            assert f'name="next" type="hidden" value="{path}"' in text
            assert '<p role="alert" hidden></p>' in text
        for path in ("/login", "/style.css", "/login.css"):
            assert (await fetch(locked_server, path))[0] == 200
        assert "is not right" in (await fetch(locked_server, "/?token=wrong", **HTML))[1]
        assert "may watch" in (await fetch(locked_server, "/draw", **HTML, **bearer(WATCH_TOKEN)))[1]

    in_browser(scenario)


def test_form_opens_a_session_and_leads_to_the_page(locked_server: WebServer) -> None:
    async def scenario() -> None:
        status, cookie, address = await sign_in(locked_server)
        assert (status, address) == (303, "/draw")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert f"Max-Age={AGE_S}" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie
        assert "Secure" in (await sign_in(locked_server, headers={"X-Forwarded-Proto": "https"}))[1]
        for foreign in ("https://else.example", "//else.example", "/api/cameras"):
            assert (await sign_in(locked_server, form={"next": foreign}))[2] == "/"
        status, cookie, page = await sign_in(locked_server, form={"token": '"><script>'})
        assert (status, cookie) == (401, "")
        assert "is not right" in page
        assert "<script>" not in page

    in_browser(scenario)


def test_other_site_cannot_sign_a_browser_in(locked_server: WebServer) -> None:
    async def scenario() -> None:
        for headers in ({"Origin": "http://else.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await sign_in(locked_server, headers=headers))[0] == 403

    in_browser(scenario)


def test_plain_origin_is_not_the_one_behind_https(locked_server: WebServer) -> None:
    async def scenario() -> None:
        host = locked_server.url.partition("://")[2]
        proxied = bearer(TOKEN) | {"X-Forwarded-Proto": "https"}
        assert (await fetch(locked_server, "/", Origin=f"https://{host}", **proxied))[0] == 200
        assert (await fetch(locked_server, "/", Origin=f"http://{host}", **proxied))[0] == 403

    in_browser(scenario)


def test_token_stands_for_the_host_check_so_that_a_proxy_may_be_in_front(locked_server: WebServer) -> None:
    async def scenario() -> None:
        assert (await fetch(locked_server, "/api/cameras", Host="cam.example", **bearer(TOKEN)))[0] == 200
        assert (await fetch(locked_server, "/api/cameras", Host="cam.example"))[0] == 401

    in_browser(scenario)


def test_https_is_remembered_and_its_cookies_are_secure(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate = ensure_certificate(tmp_path / "web.pem", "127.0.0.1")
        server = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN, WEB_CERTIFICATE=str(certificate)), time.monotonic)
        try:
            assert "Secure" in (await sign_in(server, ssl=False))[1]
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
                named = await session.get(server.url, headers={"Host": "cam.example:8443"} | bearer(TOKEN))
                local = await session.get(server.url, headers=bearer(TOKEN))
        finally:
            server.close()
        assert named.headers["Strict-Transport-Security"].startswith("max-age=")
        assert "Strict-Transport-Security" not in local.headers  # it would hold for every server of this machine

    in_browser(scenario)


def test_without_a_token_there_is_nothing_to_sign_in_to(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        status, _, headers = await fetch(server, "/login")
        assert (status, headers["Location"]) == (303, "/")
        assert (await sign_in(server))[::2] == (303, "/draw")

    in_browser(scenario)
    assert not (tmp_path / KEY_FILE).exists()
