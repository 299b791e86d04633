# The number's voice, fallback and status URLs. Twilio has no official provider; a small script asks its REST
# API. What the number had before is kept in the bucket, and put back on destroy.
resource "terraform_data" "twilio_number" {
  input = {
    ACCOUNT_SID  = var.twilio_account_sid
    FALLBACK_URL = "${local.public_url}/fallback"
    MEMORY_URL   = "${google_storage_bucket.sources.url}/twilio"
    PHONE_NUMBER = var.phone_number
    STATUS_URL   = "${local.public_url}/status"
    TOKEN_SECRET = google_secret_manager_secret.this["TWILIO_AUTH_TOKEN"].id
    VOICE_URL    = local.public_url
  }
  triggers_replace = [var.twilio_account_sid, var.phone_number, local.public_url]

  provisioner "local-exec" {
    command     = "python3 ${path.module}/scripts/twilio_number.py set"
    environment = self.input
  }

  # A destroy knows only what is kept in the state; the script asks Secret Manager for the token.
  provisioner "local-exec" {
    when        = destroy
    command     = "python3 ${path.module}/scripts/twilio_number.py restore"
    environment = self.input
  }

  # Callers come last, and leave first.
  depends_on = [
    google_cloud_run_v2_service.stream_handler,
    google_cloud_run_v2_service_iam_member.anybody_calls_incoming_call,
    google_cloud_run_v2_service_iam_member.anybody_opens_stream,
    google_firestore_document.agent,
    google_firestore_document.tool,
    google_secret_manager_secret_version.this,
  ]
}
