# Metrics come from log lines. The stream handler sums up each stream in one line
# (services/stream_handler/record/stream_report.py); the other lines are about things that went wrong.

locals {
  _handler_log = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${local.stream_handler}\""
  _webhook_log = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${local.incoming_call}\""
  _stream_over = "${local._handler_log} AND jsonPayload.message=\"stream over\""

  # A stream that ends without a decision leaves the call to be taken over, and doesn't end it.
  _call_over = "${local._stream_over} AND jsonPayload.next:*"

  # Counters, some with a label.
  _counters = {
    calls = {
      filter = join(" OR ", [
        "(${local._call_over})",
        "(${local._handler_log} AND jsonPayload.message=\"call refused: too many calls at once\")",
        "(${local._webhook_log} AND jsonPayload.message=\"stream ended without a decision\")",
      ])
      label = "end_reason"
      about = "Calls that ended streaming, by reason"
    }
    dead_letters = {
      filter = local._dead_letters
      label  = null
      about  = "Parts of records that the database didn't accept"
    }
    faults = {
      filter = join(" OR ", [
        "(${local._handler_log} AND jsonPayload.message=\"call failed\")",
        "(${local._webhook_log} AND (jsonPayload.message=\"request failed\" OR jsonPayload.message=\"Twilio asks for the fallback\"))",
      ])
      label = "message"
      about = "Faults after which a caller hears an apology or gets another stream"
    }
    limits = {
      filter = "${local._webhook_log} AND (jsonPayload.message=\"line limit near\" OR jsonPayload.message=\"line limit reached\")"
      label  = "message"
      about  = "Calls that came in when the line was near or over a limit"
    }
    model_sessions_lost = {
      filter = "${local._handler_log} AND (jsonPayload.message=\"model session lost\" OR jsonPayload.message=\"model session failed\")"
      label  = "message"
      about  = "Model sessions that ended mid-call or couldn't be opened"
    }
    signatures_refused = {
      filter = "${local._webhook_log} AND jsonPayload.message=\"signature refused\""
      label  = null
      about  = "Webhooks refused because of a wrong signature"
    }
    store_trouble = {
      filter = "${local._handler_log} AND jsonPayload.message=\"call record not written yet\""
      label  = null
      about  = "Writes that the database didn't accept the first time"
    }
    stream_errors = {
      filter = "${local._webhook_log} AND jsonPayload.message=\"stream error\""
      label  = null
      about  = "Stream errors reported by Twilio"
    }
    take_ups = {
      filter = "${local._webhook_log} AND jsonPayload.message=\"call taken over\""
      label  = "resumed_from"
      about  = "Calls that continued on another stream, by the reason the previous one ended"
    }
  }

  # One value per stream, from its line; but minutes and cost only from the line that ends the call, because they cover the
  # whole call.
  _distributions = {
    barge_in_ms   = { lines = local._stream_over, field = "barge_in_max_ms", unit = "ms", about = "Longest time from an interruption to silence, per stream" }
    cost_usd      = { lines = local._call_over, field = "cost_usd", unit = "1", about = "Model cost, per call" }
    reconnects    = { lines = local._stream_over, field = "reconnects", unit = "1", about = "Model sessions that replaced another, per stream" }
    reply_ms      = { lines = local._stream_over, field = "reply_p50_ms", unit = "ms", about = "Median reply time, per stream" }
    reply_max_ms  = { lines = local._stream_over, field = "reply_max_ms", unit = "ms", about = "Slowest reply time, per stream" }
    talk_s        = { lines = local._call_over, field = "talk_s", unit = "s", about = "Length of each call" }
    tool_failures = { lines = local._stream_over, field = "tool_failures", unit = "1", about = "Failed tool calls, per stream" }
  }

  metric_prefix = "logging.googleapis.com/user/${local.name}"
}

resource "google_logging_metric" "counter" {
  for_each = local._counters

  name        = "${local.name}/${each.key}"
  description = each.value.about
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.label == null ? [] : [each.value.label]
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  label_extractors = each.value.label == null ? {} : { (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }

  depends_on = [time_sleep.apis]
}

resource "google_logging_metric" "distribution" {
  for_each = local._distributions

  name            = "${local.name}/${each.key}"
  description     = each.value.about
  filter          = "${each.value.lines} AND jsonPayload.${each.value.field}:*"
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 40
      growth_factor      = 1.4
      scale              = 0.01
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", {
    name   = local.name
    prefix = local.metric_prefix
    # The same prefix in PromQL, which is the only way to get sums over time.
    promql = "logging_googleapis_com:user_${replace(local.name, "-", "_")}"
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.distribution]
}
