# Runs the doctor on a schedule, if check_schedule is set: a job that checks the line like `ringdown doctor`. Without it,
# only calls wake the handler.

resource "google_service_account" "scheduled_check" {
  count = var.check_schedule == null ? 0 : 1

  account_id   = "${local.name}-check"
  display_name = "${local.name}: checks the line on a schedule"

  depends_on = [time_sleep.apis]
}

resource "google_cloud_run_v2_job" "scheduled_check" {
  count = var.check_schedule == null ? 0 : 1

  name                = "${local.name}-check"
  location            = var.region
  deletion_protection = false # it stores nothing

  template {
    template {
      service_account = google_service_account.scheduled_check[0].email
      max_retries     = 0
      timeout         = "300s"

      containers {
        image   = terraform_data.image["scheduled_check"].output
        command = ["/bin/sh"]
        # 3: nothing is wrong, but not everything could be tried, because this account lacks the roles for some checks.
        args = ["-c", "/venv/bin/python -m ringdown_cli doctor || test $? -eq 3"]

        resources {
          limits = {
            cpu    = "1"
            memory = "1Gi"
          }
        }

        dynamic "env" {
          for_each = {
            for name, value in merge(local.gemini_settings, {
              MODEL_ENDPOINTS    = length(var.model_endpoints) > 0 ? join(",", var.model_endpoints) : null
              PHONE_NUMBERS      = join(",", keys(var.phone_numbers))
              PUBLIC_URL         = local.public_url
              STORE_URL          = local.store_url
              STREAM_URL         = local.stream_url
              TWILIO_ACCOUNT_SID = var.twilio_account_sid
              TWILIO_REGION      = var.twilio_region
            }) : name => value if value != null
          }
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = toset(local.secrets_of.scheduled_check)
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = local.secret_variables[env.key].secret
                version = local.secret_variables[env.key].version
              }
            }
          }
        }
      }
    }
  }

  depends_on = [time_sleep.grants]
}

resource "google_cloud_run_v2_job_iam_member" "scheduled_check" {
  count = var.check_schedule == null ? 0 : 1

  location = var.region
  name     = google_cloud_run_v2_job.scheduled_check[0].name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduled_check[0].member
}

resource "google_cloud_scheduler_job" "scheduled_check" {
  count = var.check_schedule == null ? 0 : 1

  name        = "${local.name}-check"
  region      = var.region
  description = "Starts the job of the same name"
  schedule    = var.check_schedule

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.scheduled_check[0].id}:run"
    oauth_token {
      service_account_email = google_service_account.scheduled_check[0].email
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.scheduled_check]
}

resource "google_monitoring_alert_policy" "scheduled_check" {
  count = var.check_schedule == null ? 0 : 1

  display_name          = "${local.name}: Check failed"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = "the doctor found something wrong"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_job\" AND resource.label.job_name=\"${google_cloud_run_v2_job.scheduled_check[0].name}\" AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.label.result=\"failed\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = format(local._runbook, "Check failed")
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "3600s"
  }
}
