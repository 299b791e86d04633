# incoming_call answers whoever is not Twilio with 405: it is there, and it is guarded.
resource "google_monitoring_uptime_check_config" "incoming_call" {
  count = var.uptime_check ? 1 : 0

  display_name     = "${local.name}: incoming_call"
  period           = "900s"
  timeout          = "15s"
  selected_regions = ["USA_VIRGINIA", "EUROPE", "ASIA_PACIFIC"]

  http_check {
    path         = "/"
    port         = 443
    use_ssl      = true
    validate_ssl = true
    accepted_response_status_codes {
      status_value = 405
    }
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      host       = trimprefix(local.public_url, "https://")
      project_id = var.project_id
    }
  }

  depends_on = [google_cloudfunctions2_function.incoming_call]
}
