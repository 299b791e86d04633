# incoming_call answers a GET with 405, because it accepts only POST. That shows that it is up.
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

  depends_on = [google_cloud_run_v2_service.incoming_call, google_cloudfunctions2_function.incoming_call]
}

resource "google_monitoring_alert_policy" "no_answer" {
  count = var.uptime_check ? 1 : 0

  display_name          = "${local.name}: No answer"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "incoming_call is down, as seen from two regions"
    condition_threshold {
      filter          = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id=\"${google_monitoring_uptime_check_config.incoming_call[0].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "0s"
      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = format(local._runbook, "No answer")
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "3600s"
  }
}
