# When a call ends, incoming_call publishes it to a topic, and Pub/Sub has the function determine the outcome. A message
# contains only the call's SID, without words or numbers.

locals {
  _call_ended_settings = {
    for name, value in merge(local.gemini_settings, { STORE_URL = local.store_url }) : name => value if value != null
  }
  _pubsub_agent = "serviceAccount:service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_service_account" "call_ended" {
  account_id   = "${local.name}-call-ended"
  display_name = "${local.name}: determines the outcomes of calls"

  depends_on = [time_sleep.apis]
}

resource "google_cloudfunctions2_function" "call_ended" {
  name        = "${local.name}-call-ended"
  location    = var.region
  description = "Notifies webhooks of each ended call, and determines its outcome"

  build_config {
    runtime           = "python313"
    entry_point       = "call_ended"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    automatic_update_policy {}

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.function["call_ended"].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.call_ended.email
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_request_concurrency = 16 # each waits for the model
    min_instance_count               = 0
    max_instance_count               = 5
    timeout_seconds                  = 110                   # less than Pub/Sub waits
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # Pub/Sub's requests are internal
    environment_variables            = local._call_ended_settings

    dynamic "secret_environment_variables" {
      for_each = toset(local.secrets_of.call_ended)
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

resource "google_cloud_run_v2_service_iam_member" "events_call_call_ended" {
  location = var.region
  name     = google_cloudfunctions2_function.call_ended.name
  role     = "roles/run.invoker"
  member   = google_service_account.call_ended.member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.call_ended.id]
  }
}

resource "google_pubsub_topic" "call_ended" {
  for_each = toset(["call-ended", "call-ended-dead"])

  name = "${local.name}-${each.key}"

  dynamic "message_storage_policy" {
    for_each = local.home == "global" ? [] : [local.home]
    content {
      allowed_persistence_regions = [message_storage_policy.value]
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_pubsub_topic_iam_member" "incoming_call" {
  topic  = google_pubsub_topic.call_ended["call-ended"].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.incoming_call.member
}

resource "google_pubsub_subscription" "call_ended" {
  name                       = "${local.name}-call-ended"
  topic                      = google_pubsub_topic.call_ended["call-ended"].id
  ack_deadline_seconds       = 120
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = format(local.tool_url_pattern, google_cloudfunctions2_function.call_ended.name)

    # The message's attributes become headers, so that functions-framework sees a CloudEvent.
    no_wrapper {
      write_metadata = true
    }
    oidc_token {
      service_account_email = google_service_account.call_ended.email
    }
  }

  # Sixteen tries over more than an hour and a half, as in shared/ringdown/calls/ended_calls.py, because webhooks are retried
  # for an hour. A missing outcome becomes a problem of the call; the store records a webhook that never arrived.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.call_ended["call-ended-dead"].id
    max_delivery_attempts = 16
  }
  expiration_policy {
    ttl = "" # never, even without calls for a month
  }

  depends_on = [google_cloud_run_v2_service_iam_member.events_call_call_ended]
}

# Keeps undeliverable messages for a week.
resource "google_pubsub_subscription" "call_ended_dead" {
  name                       = "${local.name}-call-ended-dead"
  topic                      = google_pubsub_topic.call_ended["call-ended-dead"].id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

# Google's account that delivers messages. Otherwise its first use would create it.
resource "terraform_data" "pubsub_agent" {
  input = var.project_id

  provisioner "local-exec" {
    command = "gcloud beta services identity create --service=pubsub.googleapis.com --project=\"$PROJECT\" --quiet"
    environment = {
      PROJECT = self.input
    }
  }

  depends_on = [time_sleep.apis]
}

# That account moves undeliverable messages to the dead-letter topic.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.call_ended["call-ended-dead"].id
  role   = "roles/pubsub.publisher"
  member = local._pubsub_agent

  depends_on = [terraform_data.pubsub_agent]
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  subscription = google_pubsub_subscription.call_ended.id
  role         = "roles/pubsub.subscriber"
  member       = local._pubsub_agent

  depends_on = [terraform_data.pubsub_agent]
}
