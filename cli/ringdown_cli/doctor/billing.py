"""Is billing on? Without it, Google stops everything after some days."""

import msgspec

from ringdown.errors import NoCredentials
from ringdown.gemini.access_token import AccessToken
from ringdown_cli.doctor.asking import Answer, Means, Unreachable, get
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import Verdict, good, untried, wrong


class _BillingInfo(msgspec.Struct, frozen=True, rename="camel"):
    """https://cloud.google.com/billing/docs/reference/rest/v1/ProjectBillingInfo"""

    billing_enabled: bool = False


async def check_billing(deployment: Deployment, means: Means) -> Verdict:
    if deployment.project is None:
        return untried("no Google Cloud project")
    try:
        token = await AccessToken().get()
        answer = await get(
            means,
            f"{means.peers.billing}/v1/projects/{deployment.project}/billingInfo",
            headers={"Authorization": f"Bearer {token}"},
        )
    except NoCredentials as error:
        return untried(
            f"no Google credentials on this machine ({error})",
            "Run: gcloud auth application-default login",
        )
    except Unreachable as error:
        return untried(f"can't reach Google's billing API: {error}")
    return judge_billing(answer, deployment.project)


def judge_billing(answer: Answer, project: str) -> Verdict:
    page = f"https://console.cloud.google.com/billing/linkedaccount?project={project}"
    if answer.status != 200:
        return untried(
            f"Google's billing API answers HTTP {answer.status}",
            "Enable the API: gcloud services enable cloudbilling.googleapis.com --project"
            f" {project}. Or check yourself: {page}",
        )
    try:
        info = msgspec.json.decode(answer.text, type=_BillingInfo)
    except msgspec.DecodeError as error:
        return untried(f"can't read Google's answer: {error}", f"Check yourself: {page}")
    if not info.billing_enabled:
        return wrong(f"billing is off for {project}", f"Link a billing account: {page}")
    return good(f"billing is on for {project}")
