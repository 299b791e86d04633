"""Fetches TwiML documents from webhooks, and judges them as Twilio does."""

from .alerts import Alert
from .call_flow import Fetched, FetchFailed
from .events import EventLog
from .twiml_parser import TwimlRefused, parse_twiml
from .webhook_client import WebhookClient
from .webhooks import Params, Webhook, judge_document


async def fetch_document(
    client: WebhookClient, webhook: Webhook, params: Params, log: EventLog
) -> Fetched | FetchFailed:
    """Fetch the document at `webhook`, and log what Twilio's debugger would show."""
    response = await client.send(webhook, params, log)
    judged = response if isinstance(response, Alert) else judge_document(webhook.url, response)
    if isinstance(judged, Alert):
        return _failed(webhook.url, judged, log)
    return read_document(webhook.url, judged, log)


def read_document(url: str, twiml: str, log: EventLog) -> Fetched | FetchFailed:
    """Parse `twiml`, which came from `url`, and log the alerts that Twilio would."""
    try:
        parsed = parse_twiml(twiml)
    except TwimlRefused as refused:
        return _failed(url, refused.alert, log)
    for warning in parsed.warnings:
        log.alert(warning)
    return Fetched(url, parsed.document)


def _failed(url: str, alert: Alert, log: EventLog) -> FetchFailed:
    log.alert(alert)
    return FetchFailed(url, alert)
