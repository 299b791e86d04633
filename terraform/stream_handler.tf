locals {
  # More than the calls that an instance carries, so that it can refuse calls when it is full, and take over those of an
  # instance that failed. Not much more: Cloud Run adds an instance at 60 % of this, which must be below MAX_CALLS.
  _streams_per_instance = ceil(var.calls_per_instance * 1.25) + 1
}

resource "google_cloud_run_v2_service" "stream_handler" {
  name                = local.stream_handler
  location            = var.region
  description         = "Carries the calls: Twilio's audio on one side, Gemini Live on the other"
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false # it stores nothing

  invoker_iam_disabled = var.domain_restricted_sharing

  template {
    service_account                  = google_service_account.stream_handler.email
    timeout                          = "3600s" # a WebSocket is a request, so this limits how long a stream lasts
    session_affinity                 = true
    max_instance_request_concurrency = local._streams_per_instance

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = local.stream_handler_image

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "1Gi"
        }
        # When a caller hangs up, the request ends before the record is written, which still needs CPU.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = {
          for name, value in merge(local.gemini_settings, {
            MAX_CALLS       = tostring(var.calls_per_instance)
            MODEL_ENDPOINTS = length(var.model_endpoints) > 0 ? join(",", var.model_endpoints) : null
            RECORDINGS      = local.recordings
            STORE_URL       = local.store_url
            STREAM_URL      = local.stream_url
            # https://docs.cloud.google.com/trace/docs/migrate-to-otlp-endpoints
            OTEL_EXPORTER_OTLP_ENDPOINT = var.traces ? "https://telemetry.googleapis.com" : null
            OTEL_RESOURCE_ATTRIBUTES    = var.traces ? "gcp.project_id=${var.project_id}" : null
          }) : name => value if value != null
        }
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset(local.secrets_of.stream_handler)
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

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60
        http_get {
          path = "/ready"
        }
      }

      # Callers won't wait longer than this for a hung instance. Once it is gone, another takes over its calls.
      liveness_probe {
        period_seconds    = 3
        timeout_seconds   = 3
        failure_threshold = 3
        http_get {
          path = "/ready"
        }
      }
    }
  }

  # A manual rollback to an older revision (docs/operations.md) lasts until the next apply.
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  depends_on = [time_sleep.grants]
}

# Twilio has no Google identity; instead, opening a stream takes Twilio's signature and the token that incoming_call made for
# this call.
resource "google_cloud_run_v2_service_iam_member" "anybody_opens_stream" {
  count = var.domain_restricted_sharing ? 0 : 1

  location = var.region
  name     = google_cloud_run_v2_service.stream_handler.name
  role     = "roles/run.invoker"
  member   = "allUsers"
}
