locals {
  _incoming_call_about = "Tells Twilio what to do with a call, and what to do after its stream"
  _incoming_call_settings = {
    for name, value in merge(local.gemini_settings, {
      CALL_ENDED_TOPIC = "https://pubsub.googleapis.com/v1/${google_pubsub_topic.call_ended["call-ended"].id}"
      FALLBACK_NUMBER  = var.fallback_number
      MEMORY_MODEL     = var.memory_model
      PUBLIC_URL       = local.public_url
      STORE_URL        = local.store_url
      STREAM_URL       = local.stream_url
    }) : name => value if value != null
  }
  _incoming_call_at_once = 8 # a status callback must never make a ringing call wait for an instance
}

resource "google_cloudfunctions2_function" "incoming_call" {
  count = var.domain_restricted_sharing ? 0 : 1

  name        = local.incoming_call
  location    = var.region
  description = local._incoming_call_about

  build_config {
    runtime           = "python313"
    entry_point       = "incoming_call"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    automatic_update_policy {}

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.function["incoming_call"].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.incoming_call.email
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_request_concurrency = local._incoming_call_at_once
    min_instance_count               = var.min_instances
    max_instance_count               = 10
    timeout_seconds                  = 60
    ingress_settings                 = "ALLOW_ALL"
    environment_variables            = local._incoming_call_settings

    dynamic "secret_environment_variables" {
      for_each = toset(local.secrets_of.incoming_call)
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = local.secret_variables[secret_environment_variables.key].secret
        version    = local.secret_variables[secret_environment_variables.key].version
      }
    }
  }

  depends_on = [time_sleep.grants]
}

# Twilio has no Google identity; instead, the webhook requires Twilio's signature.
resource "google_cloud_run_v2_service_iam_member" "anybody_calls_incoming_call" {
  count = var.domain_restricted_sharing ? 0 : 1

  location = var.region
  name     = google_cloudfunctions2_function.incoming_call[0].name
  role     = "roles/run.invoker"
  member   = "allUsers"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.incoming_call[0].id]
  }
}

# The same code as a service, for organisations that forbid grants to allUsers: a service can turn off IAM's check of
# invokers, but a function can't.
resource "google_cloud_run_v2_service" "incoming_call" {
  count = var.domain_restricted_sharing ? 1 : 0

  name                 = local.incoming_call
  location             = var.region
  description          = local._incoming_call_about
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = true
  deletion_protection  = false # it stores nothing

  template {
    service_account                  = google_service_account.incoming_call.email
    timeout                          = "60s"
    max_instance_request_concurrency = local._incoming_call_at_once

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = 10
    }

    containers {
      image = terraform_data.image["incoming_call"].output

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "512Mi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local._incoming_call_settings
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset(local.secrets_of.incoming_call)
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

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  depends_on = [time_sleep.grants]
}
