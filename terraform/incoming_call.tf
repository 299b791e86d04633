resource "google_cloudfunctions2_function" "incoming_call" {
  name        = local.incoming_call
  location    = var.region
  description = "Answers Twilio: what to do with a call, and what comes after its stream"

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
    service_account_email = google_service_account.incoming_call.email
    available_memory      = "512M"
    available_cpu         = "1"
    # A status callback must never make a ringing call wait for an instance.
    max_instance_request_concurrency = 8
    min_instance_count               = var.min_instances
    max_instance_count               = 10
    timeout_seconds                  = 60
    ingress_settings                 = "ALLOW_ALL"
    environment_variables = {
      for name, value in merge(local.gemini_settings, {
        FALLBACK_NUMBER = var.fallback_number
        MEMORY_MODEL    = var.memory_model
        PUBLIC_URL      = local.public_url
        STORE_URL       = local.store_url
        STREAM_URL      = local.stream_url
      }) : name => value if value != null
    }

    dynamic "secret_environment_variables" {
      for_each = toset(local.secrets_of.incoming_call)
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = google_secret_manager_secret.this[secret_environment_variables.key].secret_id
        version    = google_secret_manager_secret_version.this[secret_environment_variables.key].version
      }
    }
  }

  depends_on = [time_sleep.grants]
}

# Twilio has no Google identity. The webhook counts only with Twilio's signature.
resource "google_cloud_run_v2_service_iam_member" "anybody_calls_incoming_call" {
  location = var.region
  name     = google_cloudfunctions2_function.incoming_call.name
  role     = "roles/run.invoker"
  member   = "allUsers"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.incoming_call.id]
  }
}
