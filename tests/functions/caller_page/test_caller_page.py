"""The page as the platform loads it: what it shows, accepts and refuses."""

import datetime
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from PIL import Image
from starlette.types import Message, Scope

from photo_page.sent import MOST_BYTES, plain_text
from ringdown.calls.uploads import MOST_IN_A_CALL, MOST_TEXT_CHARS, Upload
from ringdown.stores import Store
from tests.functions.caller_page.conftest import Environ, Load
from tests.functions.caller_page.links import OTHER_SID, begin_call, end_call, link, uploads
from tests.functions.caller_page.photos_taken import NOT_PHOTOS, bomb, photo, says_where
from tests.functions.incoming_call.records import damage, store_locked, with_store
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID

NASTY = """</textarea><script>document.title = "taken"</script><img src=x onerror=alert(1)>'"&"""
HOUR = datetime.timedelta(hours=1)


def sent_photo(
    function: LoadedFunction, picture: bytes, *, to: str | None = None, name: str = "IMG_1.JPG"
) -> httpx2.Response:
    files = {"photo": (name, picture, "image/jpeg")}
    return function.client.post(to or link(), files=files, follow_redirects=False)


def sent_text(function: LoadedFunction, text: str, *, to: str | None = None) -> httpx2.Response:
    files = {"text": (None, text)}  # as a browser sends it: multipart, without a file
    return function.client.post(to or link(), files=files, follow_redirects=False)


def stored(store_url: str, call_sid: str = CALL_SID) -> list[Upload]:
    async def read(store: Store) -> list[Upload]:
        return await uploads(store, call_sid)

    return with_store(store_url, read)


@pytest.mark.usefixtures("call")
class TestWithACall:
    def test_a_photo_arrives_without_its_place(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        taken = photo(2000, 1500)
        assert says_where(taken)

        response = sent_photo(function, taken)

        assert (response.status_code, response.headers["Location"]) == (303, "?sent=photo")
        (upload,) = stored(store_url)
        assert not says_where(upload.picture)
        with Image.open(io.BytesIO(upload.picture)) as image:
            assert (image.format, image.size) == ("JPEG", (768, 1024))
        assert "Your photo has arrived." in function.client.get(link() + "?sent=photo").text

    def test_a_text_arrives(self, function: LoadedFunction, store_url: str) -> None:
        response = sent_text(function, " ann.example@example.com ")
        assert (response.status_code, response.headers["Location"]) == (303, "?sent=text")
        assert [upload.text for upload in stored(store_url)] == ["ann.example@example.com"]
        assert "Your text has arrived." in function.client.get(link() + "?sent=text").text

    def test_opening_the_page_changes_nothing(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        """A phone that previews a text message opens its links."""
        for method in ("GET", "HEAD"):
            assert function.client.request(method, link()).status_code == 200
        assert stored(store_url) == []
        assert function.client.put(link()).status_code == 405

    def test_what_the_page_says(self, function: LoadedFunction) -> None:
        page = function.client.get(link()).text
        assert '<html lang="en-US">' in page
        assert "automated assistant" in page
        assert "used for this call only, and deleted when it ends" in page
        assert "You can still send: 5" in page

    def test_nothing_is_fetched_kept_indexed_or_framed(self, function: LoadedFunction) -> None:
        headers = function.client.get(link()).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert policy.endswith("frame-ancestors 'none'")
        assert re.findall(r'(?:src|href|action)="([^"]+)"', function.client.get(link()).text) == [
            "data:,"
        ]
        redirect = sent_text(function, "hello").headers
        assert redirect["Cache-Control"] == "no-store"
        assert redirect["Referrer-Policy"] == "no-referrer"

    @pytest.mark.parametrize("kind", NOT_PHOTOS)
    def test_another_kind_of_file_is_refused_with_what_to_do(
        self, function: LoadedFunction, store_url: str, kind: str
    ) -> None:
        response = sent_photo(function, NOT_PHOTOS[kind])
        assert response.status_code == 415
        assert "Take a screenshot of it and send that." in response.text
        assert stored(store_url) == []

    def test_a_bomb_is_refused(self, function: LoadedFunction) -> None:
        response = sent_photo(function, bomb())
        assert response.status_code == 413
        assert "too big" in response.text

    def test_12_mb_are_refused_and_not_read(self, function: LoadedFunction) -> None:
        response = sent_photo(function, photo() + bytes(12_000_000))
        assert response.status_code == 413
        assert "Take a screenshot of it and send that." in response.text

    def test_a_body_of_unknown_length_is_read_up_to_the_limit(
        self, function: LoadedFunction
    ) -> None:
        read = 0

        def body() -> Iterator[bytes]:
            nonlocal read
            yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
            while read < 3 * MOST_BYTES:
                read += 65_536
                yield bytes(65_536)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        response = function.client.post(link(), content=body(), headers=headers)
        assert response.status_code == 413

    def test_a_photo_of_which_only_a_part_arrives_is_not_taken(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        sent: list[Message] = []
        messages: Iterator[Message] = iter(
            [
                {"type": "http.request", "body": photo()[:9_000], "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": link(),
            "query_string": b"",
            "headers": headers,
        }
        portal = function.client.portal
        assert portal is not None
        portal.call(function.client.app, scope, receive, send)

        assert sent[0]["status"] == 408
        assert stored(store_url) == []

    def test_a_file_that_is_cut_off_is_refused(self, function: LoadedFunction) -> None:
        taken = photo()
        response = sent_photo(function, taken[: len(taken) // 2])
        assert response.status_code == 422
        assert "be read. Take it again" in response.text
        assert 'aria-invalid="true" aria-describedby="problem"' in response.text

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({"Content-Type": "multipart/form-data; boundary=x"}, b""),
            ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nnonsense"),
            ({"Content-Type": "multipart/form-data"}, b"--x--"),
            ({"Content-Type": "application/json"}, b"{}"),
            ({}, b"photo"),
            (
                {"Content-Type": "multipart/form-data; boundary=x"},
                b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n \r\n--x--\r\n',
            ),
        ],
    )
    def test_a_form_with_nothing_in_it_is_told_so(
        self, function: LoadedFunction, headers: dict[str, str], body: bytes
    ) -> None:
        response = function.client.post(link(), content=body, headers=headers)
        assert response.status_code == 422
        assert "Nothing was sent." in response.text

    def test_an_empty_camera_and_a_chosen_photo_are_one_photo(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        """Without JavaScript, a browser sends both fields, one of them empty."""
        files = [("photo", ("", b"")), ("photo", ("a.jpg", photo()))]
        response = function.client.post(link(), files=files, follow_redirects=False)
        assert response.headers["Location"] == "?sent=photo"
        assert len(stored(store_url)) == 1

    def test_a_long_text_is_not_cut_and_not_lost(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        text = "x" * (MOST_TEXT_CHARS + 1)
        response = sent_text(function, text)
        assert response.status_code == 422
        assert "Shorten it to 500 characters." in response.text
        assert f">\n{text}</textarea>" in response.text
        assert stored(store_url) == []
        assert sent_text(function, text[1:]).status_code == 303

    def test_a_text_as_large_as_a_photo_is_not_shown_again(self, function: LoadedFunction) -> None:
        response = sent_text(function, '"' * (MOST_BYTES - 1_000))
        assert response.status_code == 422
        assert "Shorten it to 500 characters." in response.text
        assert len(response.content) < 50_000

    def test_words_never_become_markup(self, function: LoadedFunction, store_url: str) -> None:
        assert sent_text(function, NASTY).status_code == 303
        assert [upload.text for upload in stored(store_url)] == [NASTY]
        page = sent_text(function, NASTY * 9).text
        assert "&lt;script&gt;document.title" in page
        assert "<img" not in page
        assert page.count("<script>") == 1
        for sent in (NASTY, "photo'", "over", "title"):
            response = function.client.get(link(), params={"sent": sent})
            assert sent not in response.text.replace("photo</h2>", "") or sent in ("title", "over")
            assert "arrived" not in response.text

    def test_the_sixth_is_refused_and_its_text_is_not_lost(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        for n in range(MOST_IN_A_CALL):
            assert sent_text(function, f"text {n}").status_code == 303
        for response in (sent_photo(function, photo()), sent_text(function, "text 5")):
            assert response.status_code == 409
            assert "You have sent as much as you can" in response.text
        assert len(stored(store_url)) == MOST_IN_A_CALL
        page = function.client.get(link()).text
        assert "You have sent as much as you can" in page
        assert "<form" not in page

    def test_sent_twice_it_counts_once(self, function: LoadedFunction, store_url: str) -> None:
        for _ in range(3):
            assert sent_photo(function, photo()).status_code == 303
            assert sent_text(function, "hello").status_code == 303
        assert len(stored(store_url)) == 2

    def test_two_at_once_both_arrive(self, function: LoadedFunction, store_url: str) -> None:
        pictures = [photo(1600, 1200), photo(1600, 1200, orientation=1)]
        with ThreadPoolExecutor(2) as both:
            responses = list(both.map(lambda one: sent_photo(function, one), pictures))
        assert [response.status_code for response in responses] == [303, 303]
        assert [upload.n for upload in stored(store_url)] == [1, 2]

    def test_nothing_is_taken_after_the_call(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        with_store(store_url, end_call)
        pages = [
            function.client.get(link()),
            sent_photo(function, photo()),
            sent_text(function, "hello"),
        ]
        for page in pages:
            assert page.status_code == 404
            assert "It works only during the call" in page.text
        assert stored(store_url) == []

    def test_another_calls_link_reaches_that_call_only(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        async def begin(store: Store) -> None:
            await begin_call(store, OTHER_SID)

        with_store(store_url, begin)
        assert sent_text(function, "hello", to=link(OTHER_SID)).status_code == 303
        assert stored(store_url) == []
        assert len(stored(store_url, OTHER_SID)) == 1

    def test_a_link_is_worth_nothing_for_another_call(self, function: LoadedFunction) -> None:
        forged = link(OTHER_SID).replace(OTHER_SID, CALL_SID)
        assert sent_text(function, "hello", to=forged).status_code == 404

    def test_the_log_tells_of_no_words(self, function: LoadedFunction) -> None:
        sent_text(function, "ann.example@example.com")
        sent_photo(function, NOT_PHOTOS["gif"])
        function.client.get("/CA123")
        log = str(function.log())
        assert "example" not in log
        assert function.messages() == ["upload", "upload refused", "link refused"]
        assert {line.get("call_sid") for line in function.log()} == {CALL_SID, None}

    def test_a_store_that_is_away_loses_no_text(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        assert function.client.get(link()).status_code == 200
        with store_locked(store_url):
            response = sent_text(function, "hello")
        assert response.status_code == 503
        assert "Send it again." in response.text
        assert ">\nhello</textarea>" in response.text

    def test_a_record_that_cannot_be_read_is_our_fault(
        self, function: LoadedFunction, store_url: str
    ) -> None:
        damage(store_url, f"calls/{CALL_SID}", '{"status": 7}')
        response = function.client.get(link())
        assert response.status_code == 503
        assert "Something went wrong." in response.text
        assert "request failed" in function.messages()

    def test_while_the_secret_is_rotated_both_are_good(
        self, load: Load, environ: Environ, restored_logging: None
    ) -> None:
        new = "another secret of the links, 32 and more"
        rotated = {**environ, "UPLOAD_LINK_SECRET": new, "UPLOAD_LINK_SECRET_BEFORE": "x" * 40}
        with load(rotated) as function:
            assert function.client.get(link(secrets=("x" * 40,))).status_code == 200
            assert function.client.get(link(secrets=(new, "x" * 40))).status_code == 200
            assert function.client.get(link()).status_code == 404

    def test_only_the_origin_that_is_named_may_frame_it(self, load: Load, environ: Environ) -> None:
        with load({**environ, "FRAMED_BY": "http://127.0.0.1:1 http://localhost:1"}) as function:
            policy = function.client.get(link()).headers["Content-Security-Policy"]
        assert policy.endswith("; frame-ancestors http://127.0.0.1:1 http://localhost:1")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/CA123",
        "/%00",
        f"/{CALL_SID}",
        pytest.param(link(ago=5 * HOUR), id="expired"),
        pytest.param(link(secrets=("x" * 40,)), id="another secret"),
        pytest.param(link()[:-1], id="cut short"),
        pytest.param(link() + "/", id="with a slash"),
        pytest.param(link(), id="no such call"),
        pytest.param(link(OTHER_SID), id="another call"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_all_links_that_are_worth_nothing_look_alike(
    function: LoadedFunction, path: str, method: str
) -> None:
    """Try a forged link, an expired one, and one for a call that never existed."""
    answer = function.client.request(method, path)
    other = function.client.request(method, "/nothing")
    assert (answer.status_code, answer.text) == (404, other.text)
    assert "This link doesn&#39;t work any more" in answer.text


def test_without_a_good_link_the_store_is_not_asked(
    function: LoadedFunction, store_url: str, call: None
) -> None:
    """Otherwise, the response time would reveal something about a call."""
    with store_locked(store_url):
        assert function.client.get(link(secrets=("x" * 40,))).status_code == 404
    damage(store_url, f"calls/{CALL_SID}", "not even JSON")
    assert function.client.get(link()[:-1] + "_").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de-DE"),
        ("da, nl;q=0.5", "nl-NL"),
        ("*", "en-US"),
        ("", "en-US"),
        ("\u00ff;;;,", "en-US"),
    ],
)
def test_a_link_that_leads_nowhere_is_explained_in_the_readers_language(
    function: LoadedFunction, accepted: str, expected: str
) -> None:
    headers = {b"Accept-Language": accepted.encode("latin-1")}
    page = function.client.get("/nothing", headers=headers).text
    assert f'<html lang="{expected}">' in page


@pytest.mark.parametrize(
    ("language", "tag", "words"),
    [
        ("de-AT", "de-DE", "automatischen Assistenten"),
        ("es-MX", "es-MX", "asistente automático"),
        ("fr-CA", "fr-CA", "assistant automatique"),
        ("it-IT", "it-IT", "assistente automatico"),
        ("nl-NL", "nl-NL", "geautomatiseerde assistent"),
        ("pt-PT", "pt-PT", "assistente automático"),
        ("ja-JP", "en-US", "automated assistant"),
    ],
)
def test_the_page_speaks_the_agents_language(
    function: LoadedFunction, store_url: str, language: str, tag: str, words: str
) -> None:
    async def begin(store: Store) -> None:
        await begin_call(store, language=language)

    with_store(store_url, begin)
    page = function.client.get(link()).text
    assert f'<html lang="{tag}">' in page
    assert words in page


def test_photos_that_are_kept_are_said_to_be(function: LoadedFunction, store_url: str) -> None:
    async def begin(store: Store) -> None:
        await begin_call(store, keep_photos=True)

    with_store(store_url, begin)
    page = function.client.get(link()).text
    assert "kept with the record of this call" in page
    assert "deleted" not in page


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("  a@b.example\r\n", "a@b.example"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("abc\u202edef\u2066", "abcdef"),
        ("ok\U000e0041\U000e0042\u200b", "ok"),
        ("Zoë 東京 😀", "Zoë 東京 😀"),
        ("\ud800", ""),
    ],
)
def test_what_nobody_sees_is_dropped_from_texts(written: str, plain: str) -> None:
    assert plain_text(written) == plain


def test_a_process_that_cannot_work_says_what_to_set(
    load: Load, environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, load({"FRAMED_BY": "javascript:alert(1)"}):
        pass
    for name in ("STORE_URL", "UPLOAD_LINK_SECRET", "FRAMED_BY"):
        assert name in str(end.value)
