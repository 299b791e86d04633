# The numbers' voice, fallback and status URLs. Twilio has no official provider; a small script asks its REST API.
# What a number had before is kept in the bucket, and put back on destroy.

locals {
  # Where each of Twilio's regions has its APIs. A region has its own record of every number, and its own auth token.
  twilio_domains = jsondecode(file("${local.root}/shared/ringdown/packaged/twilio_regions.json"))

  # Twilio sends texts in us1 and ie1 only.
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

# Sets the URLs, and nothing else: when they change, a number goes straight from the old ones to the new.
resource "terraform_data" "number" {
  for_each = local._numbers

  input            = each.value
  triggers_replace = [var.twilio_account_sid, var.twilio_region, local.public_url, local.fallback_url]

  provisioner "local-exec" {
    command     = "python3 ${path.module}/scripts/twilio_number.py set"
    environment = self.input
  }

  # Callers come last.
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

# Puts back what a number had before: on destroy, when it is no longer listed, and when the account is another. What it
# has in a region of Twilio's that is left stays set: calls go there until somebody routes them elsewhere. A destroy knows
# only what is kept in the state; the script asks Secret Manager for the token that belonged to the account.
resource "terraform_data" "number_before" {
  for_each = local._numbers

  input            = merge(each.value, { TOKEN_VERSION = local.secret_variables["TWILIO_AUTH_TOKEN"].version })
  triggers_replace = [var.twilio_account_sid]

  provisioner "local-exec" {
    when        = destroy
    command     = "python3 ${path.module}/scripts/twilio_number.py restore"
    environment = self.input
  }

  # Callers leave first.
  depends_on = [
    google_cloud_run_v2_service.incoming_call,
    google_cloud_run_v2_service.stream_handler,
    google_cloud_run_v2_service_iam_member.anybody_calls_incoming_call,
    google_cloud_run_v2_service_iam_member.anybody_opens_stream,
  ]
}

# Until December 2026 there was one number, in these. They are forgotten without giving it back, and the number above
# finds its URLs set. (`moved` can't name a number that only a variable knows.)
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
