# The number's voice, fallback and status URLs. Twilio has no official provider; a small script asks its REST
# API. What the number had before is kept in the bucket, and put back on destroy.

locals {
  _number = {
    ACCOUNT_SID  = var.twilio_account_sid
    FALLBACK_URL = coalesce(var.fallback_url, "${local.public_url}/fallback")
    MEMORY_URL   = "${google_storage_bucket.sources.url}/twilio"
    PHONE_NUMBER = var.phone_number
    STATUS_URL   = "${local.public_url}/status"
    TOKEN_SECRET = google_secret_manager_secret.this["TWILIO_AUTH_TOKEN"].id
    VOICE_URL    = local.public_url
  }
}

# Sets the URLs, and nothing else: when they change, the number goes straight from the old ones to the new.
resource "terraform_data" "twilio_number" {
  input            = local._number
  triggers_replace = concat([var.twilio_account_sid, var.phone_number, local.public_url], var.fallback_url == null ? [] : [var.fallback_url])

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
    terraform_data.seed,
    terraform_data.twilio_number_before,
  ]
}

# Puts back what the number had before: on destroy, and when another number takes its place. A destroy knows only what
# is kept in the state; the script asks Secret Manager for the token that belonged to the account.
resource "terraform_data" "twilio_number_before" {
  input            = merge(local._number, { TOKEN_VERSION = local.secret_variables["TWILIO_AUTH_TOKEN"].version })
  triggers_replace = [var.twilio_account_sid, var.phone_number]

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
