# The numbers' voice, fallback and status URLs. Twilio has no official provider, so a small script uses its REST API.
# A number's previous URLs are kept in the bucket, and restored on destroy.

locals {
  # Each Twilio region's API domain. A region has its own record of every number, and its own auth token.
  twilio_domains = jsondecode(file("${local.root}/shared/ringdown/packaged/twilio_regions.json"))

  # Twilio sends texts only in us1 and ie1.
  texts_api_url = "https://api.${local.twilio_domains[var.twilio_region == "ie1" ? "ie1" : "us1"]}"

  fallback_url = coalesce(var.fallback_url, "${local.public_url}/fallback")
  _numbers = {
    for number in keys(var.phone_numbers) : number => {
      ACCOUNT_SID   = var.twilio_account_sid
      FALLBACK_URL  = local.fallback_url
      MEMORY_URL    = "${google_storage_bucket.sources.url}/twilio${var.twilio_region == "us1" ? "" : "/${var.twilio_region}"}"
      PHONE_NUMBER  = number
      STATUS_URL    = "${local.public_url}/status"
      TOKEN_SECRET  = google_secret_manager_secret.this["TWILIO_AUTH_TOKEN"].id
      TWILIO_DOMAIN = local.twilio_domains[var.twilio_region]
      TWILIO_REGION = var.twilio_region
      VOICE_URL     = local.public_url
    }
  }
}

# Sets only the URLs, so that a number switches directly from the old ones to the new ones.
resource "terraform_data" "number" {
  for_each = local._numbers

  input            = each.value
  triggers_replace = [var.twilio_account_sid, var.twilio_region, local.public_url, local.fallback_url]

  provisioner "local-exec" {
    command     = "python3 ${path.module}/scripts/twilio_number.py set"
    environment = self.input
  }

  # Send calls here last, once everything that answers them exists.
  depends_on = [
    google_cloud_run_v2_service.incoming_call,
    google_cloud_run_v2_service.stream_handler,
    google_cloud_run_v2_service_iam_member.anybody_calls_incoming_call,
    google_cloud_run_v2_service_iam_member.anybody_opens_stream,
    google_secret_manager_secret_version.this,
    terraform_data.number_before,
    terraform_data.seed,
  ]
}

# Restores a number's previous URLs: on destroy, when it isn't listed any more, and when the account changes. Its URLs in an
# abandoned Twilio region stay, because calls go there until someone routes them elsewhere. A destroy knows only what is in
# the state; the script gets the account's token from Secret Manager.
resource "terraform_data" "number_before" {
  for_each = local._numbers

  input            = merge(each.value, { TOKEN_VERSION = local.secret_variables["TWILIO_AUTH_TOKEN"].version })
  triggers_replace = [var.twilio_account_sid]

  provisioner "local-exec" {
    when        = destroy
    command     = "python3 ${path.module}/scripts/twilio_number.py restore"
    environment = self.input
  }

  # On destroy, send calls elsewhere first.
  depends_on = [
    google_cloud_run_v2_service.incoming_call,
    google_cloud_run_v2_service.stream_handler,
    google_cloud_run_v2_service_iam_member.anybody_calls_incoming_call,
    google_cloud_run_v2_service_iam_member.anybody_opens_stream,
  ]
}

# Until December 2026 these held a single number. They are dropped from the state without restoring it, and the number above
# finds its URLs already set. (`moved` can't name a number that is only in a variable.)
removed {
  from = terraform_data.twilio_number

  lifecycle {
    destroy = false
  }
}

removed {
  from = terraform_data.twilio_number_before

  lifecycle {
    destroy = false
  }
}
