# Each alert has an entry of the same name in docs/operations.md that says what to do.

locals {
  _runbook  = "docs/operations.md, under \"%s\", says what it means and what to do."
  _failures = "metric.label.end_reason=one_of(\"handler_busy\", \"handler_stopped\", \"model_lost\", \"model_unavailable\", \"never_streamed\", \"stream_lost\")"

  # Alerts on more than `above` events within `within`, across all instances of a Cloud Run service, or for `resource`.
  _count_alerts = merge(var.caller_page ? { "Caller's page fails" = local._caller_page_fails } : {}, {
    "Calls fail" = {
      filter = "metric.type=\"${local.metric_prefix}/calls\" AND ${local._failures}"
      above  = 2
      within = "600s"
    }
    "Calls not followed up" = {
      resource = "pubsub_subscription"
      filter   = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND resource.label.subscription_id=\"${google_pubsub_subscription.call_ended.name}\""
      above    = 0
      within   = "300s"
    }
    "Dead letters" = {
      filter = "metric.type=\"${local.metric_prefix}/dead_letters\""
      above  = 0
      within = "300s"
    }
    "Faults" = {
      filter = "metric.type=\"${local.metric_prefix}/faults\""
      above  = 0
      within = "300s"
    }
    "Line limit" = {
      filter = "metric.type=\"${local.metric_prefix}/limits\""
      above  = 0
      within = "300s"
    }
    "Model sessions lost" = {
      filter = "metric.type=\"${local.metric_prefix}/model_sessions_lost\""
      above  = 5
      within = "600s"
    }
    "Signatures refused" = {
      filter = "metric.type=\"${local.metric_prefix}/signatures_refused\""
      above  = 0
      within = "300s"
    }
    "Stream errors" = {
      filter = "metric.type=\"${local.metric_prefix}/stream_errors\""
      above  = 2
      within = "600s"
    }
    "Streams break off" = {
      filter = "metric.type=\"${local.metric_prefix}/take_ups\" AND metric.label.resumed_from!=\"handler_stopped\""
      above  = 2
      within = "600s"
    }
    "Webhook fails" = {
      filter = "metric.type=\"run.googleapis.com/request_count\" AND resource.label.service_name=\"${local.incoming_call}\" AND metric.label.response_code_class=\"5xx\""
      above  = 0
      within = "300s"
    }
  })
  _caller_page_fails = {
    filter = "metric.type=\"run.googleapis.com/request_count\" AND resource.label.service_name=\"${local.caller_page}\" AND metric.label.response_code_class=\"5xx\""
    above  = 0
    within = "300s"
  }
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  display_name = "${local.name}: ${var.alert_email}"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [time_sleep.apis]
}

# Google refuses an alert on a new metric ("Cannot find metric(s) that match type"), sometimes for ten minutes, though
# usually only until the webhook exists.
resource "time_sleep" "metrics" {
  create_duration = "180s"
  triggers        = { metrics = join(",", concat(keys(local._counters), keys(local._distributions))) }

  depends_on = [google_logging_metric.counter, google_logging_metric.distribution]
}

resource "google_monitoring_alert_policy" "count" {
  for_each = local._count_alerts

  display_name          = "${local.name}: ${each.key}"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = each.key
    condition_threshold {
      filter          = "resource.type=\"${try(each.value.resource, "cloud_run_revision")}\" AND ${each.value.filter}"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "0s"
      aggregations {
        alignment_period     = each.value.within
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = format(local._runbook, each.key)
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "3600s"
  }

  depends_on = [
    google_cloud_run_v2_service.caller_page,
    google_cloud_run_v2_service.incoming_call,
    google_cloudfunctions2_function.incoming_call,
    time_sleep.metrics,
  ]
}

resource "google_monitoring_alert_policy" "slow_replies" {
  display_name          = "${local.name}: Slow replies"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "half of the streams take more than 2 s to reply"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.metric_prefix}/reply_ms\""
      comparison      = "COMPARISON_GT"
      threshold_value = 2000
      duration        = "900s"
      aggregations {
        alignment_period     = "900s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_50"
      }
    }
  }

  documentation {
    content   = format(local._runbook, "Slow replies")
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "3600s"
  }

  depends_on = [google_cloud_run_v2_service.incoming_call, google_cloudfunctions2_function.incoming_call, time_sleep.metrics]
}
