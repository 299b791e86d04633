from simulators.twilio.alerts import Alert, AlertCode
from simulators.twilio.call_flow import (
    MAX_DOCUMENTS,
    Answer,
    Apologise,
    CallFlow,
    DialEnded,
    DialStatus,
    Done,
    EndReason,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Gathered,
    Perform,
    StreamDropped,
)
from simulators.twilio.twiml import (
    ConnectStream,
    Dial,
    Document,
    Gather,
    Hangup,
    Redirect,
    Reject,
    Say,
    Verb,
)
from simulators.twilio.webhooks import Webhook

URL = "https://x.test/voice"
STREAM = ConnectStream("wss://x.test/media")
FAILED = FetchFailed(URL, Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, "500"))


def flow(fallback: str | None = None, *, end_after_drop: bool = False) -> CallFlow:
    webhook = None if fallback is None else Webhook(fallback)
    started = CallFlow(Webhook(URL), webhook, end_after_drop=end_after_drop)
    assert started.begin() == Fetch(Webhook(URL))
    return started


def document(*verbs: Verb) -> Fetched:
    return Fetched(URL, Document(verbs))


def test_verbs_run_in_order_once_the_call_is_answered() -> None:
    call = flow()
    assert call.advance(document(Say("a"), Say("b"), Hangup())) == Answer()
    assert call.advance(Done()) == Perform(Say("a"))
    assert call.advance(Done()) == Perform(Say("b"))
    assert call.advance(Done()) == Finish(EndReason.AGENT_HUNG_UP)


def test_a_document_without_verbs_left_ends_the_call() -> None:
    call = flow()
    assert call.advance(document()) == Answer()
    assert call.advance(Done()) == Finish(EndReason.DOCUMENT_ENDED)


def test_a_redirected_call_leaves_its_document_and_its_action() -> None:
    call = flow()
    assert call.advance(document(ConnectStream(STREAM.url, action="/done"))) == Answer()
    assert isinstance(call.advance(Done()), Perform)
    assert call.redirect(Webhook("https://y.test/")) == Fetch(Webhook("https://y.test/"))
    assert call.redirect(document(Say("a"))) == Perform(Say("a"))
    assert call.advance(Done()) == Finish(EndReason.DOCUMENT_ENDED)


def test_a_first_reject_leaves_the_call_unanswered() -> None:
    call = flow()
    assert call.advance(document(Reject("busy"))) == Finish(EndReason.REJECTED, busy=True)


def test_after_a_stream_the_redirect_is_followed_relative_to_its_document() -> None:
    call = flow()
    call.advance(document(STREAM, Redirect("after-stream?try=2", "GET")))
    assert call.advance(Done()) == Perform(STREAM)
    assert call.advance(Done()) == Fetch(Webhook("https://x.test/after-stream?try=2", "GET"))
    assert call.advance(document(Hangup())) == Finish(EndReason.AGENT_HUNG_UP), (
        "a call is answered only once"
    )


def test_an_empty_redirect_asks_for_the_same_document_again() -> None:
    call = flow()
    call.advance(document(Redirect("")))
    assert call.advance(Done()) == Fetch(Webhook(URL))


def test_a_setting_decides_whether_a_dropped_stream_ends_the_call() -> None:
    for end_after_drop, expected in ((False, Perform(Say("x"))), (True, None)):
        call = flow(end_after_drop=end_after_drop)
        call.advance(document(STREAM, Say("x")))
        call.advance(Done())
        assert call.advance(StreamDropped()) == (expected or Finish(EndReason.STREAM_DROPPED))


def test_a_failed_fetch_asks_the_fallback_and_tells_it_why() -> None:
    call = flow("https://x.test/fallback")
    params = (("ErrorCode", "11200"), ("ErrorUrl", URL))
    assert call.advance(FAILED) == Fetch(Webhook("https://x.test/fallback"), params)
    assert call.advance(document(Hangup())) == Answer()


def test_without_a_fallback_left_the_caller_hears_an_apology() -> None:
    for call in (flow(), flow("https://x.test/fallback")):
        action = call.advance(FAILED)
        if isinstance(action, Fetch):
            action = call.advance(FAILED)
        assert action == Apologise()
        assert call.advance(Done()) == Finish(EndReason.APPLICATION_ERROR)


def test_the_fallback_is_ready_again_for_a_later_failure() -> None:
    call = flow("https://x.test/fallback")
    call.advance(FAILED)
    call.advance(document(Redirect("/next")))
    call.advance(Done())
    assert isinstance(call.advance(FAILED), Fetch)


def test_the_action_of_a_dial_learns_how_it_went_and_replaces_the_document() -> None:
    call = flow()
    call.advance(document(Dial("+15550199", action="/dialled"), Say("never")))
    call.advance(Done())
    params = (
        ("DialCallStatus", "completed"),
        ("DialCallSid", "CA2"),
        ("DialBridged", "true"),
        ("DialCallDuration", "7"),
    )
    expected = Fetch(Webhook("https://x.test/dialled"), params)
    assert call.advance(DialEnded(DialStatus.COMPLETED, "CA2", 7, bridged=True)) == expected


def test_somebody_who_answered_need_not_have_been_connected() -> None:
    call = flow()
    call.advance(document(Dial("+15550199", action="/dialled")))
    call.advance(Done())
    fetch = call.advance(DialEnded(DialStatus.COMPLETED, "CA2", 7))
    assert isinstance(fetch, Fetch)
    assert ("DialBridged", "false") in fetch.params


def test_a_first_dial_may_leave_the_call_unanswered() -> None:
    dial = Dial("+15550199", answer_on_bridge=True)
    call = flow()
    assert call.advance(document(dial, Say("nobody"))) == Perform(dial)
    assert call.advance(DialEnded(DialStatus.BUSY, "CA2")) == Answer()
    assert call.advance(Done()) == Perform(Say("nobody"))

    call = flow()
    call.advance(document(dial, Say("then")))
    ended = DialEnded(DialStatus.COMPLETED, "CA2", 7, bridged=True)
    assert call.advance(ended) == Perform(Say("then")), (
        "the call was already answered when the two were connected"
    )


def test_what_a_dialled_person_hears_is_found_relative_to_the_document() -> None:
    call = flow()
    call.advance(document(Dial("+15550199", url="whisper?n=1")))
    action = call.advance(Done())
    assert action == Perform(Dial("+15550199", url="https://x.test/whisper?n=1"))


def test_keys_go_to_the_action_and_without_any_the_document_continues() -> None:
    gather = Gather(action="/keys", num_digits=1)
    call = flow()
    call.advance(document(gather, Say("none")))
    assert call.advance(Done()) == Perform(gather)
    assert call.advance(Gathered("")) == Perform(Say("none"))

    call = flow()
    call.advance(document(gather, Say("none")))
    call.advance(Done())
    expected = Fetch(Webhook("https://x.test/keys"), (("Digits", "1"),))
    assert call.advance(Gathered("1")) == expected


def test_the_action_of_a_connect_comes_after_its_stream() -> None:
    call = flow()
    stream = ConnectStream("wss://x.test/media", action="/streamed")
    call.advance(document(stream, Say("never")))
    call.advance(Done())
    assert call.advance(Done()) == Fetch(Webhook("https://x.test/streamed"))


def test_a_dial_without_action_continues_with_the_document() -> None:
    call = flow()
    call.advance(document(Dial("+15550199"), Say("then")))
    call.advance(Done())
    assert call.advance(DialEnded(DialStatus.BUSY, "CA2")) == Perform(Say("then"))


def test_documents_that_redirect_forever_are_stopped() -> None:
    call = flow()
    call.advance(document(Redirect("/again")))
    call.advance(Done())
    for _ in range(MAX_DOCUMENTS - 1):
        assert isinstance(call.advance(document(Redirect("/again"))), Fetch)
    assert call.advance(document(Redirect("/again"))) == Finish(EndReason.TOO_MANY_DOCUMENTS)
