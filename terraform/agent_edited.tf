locals {
  _agent_edited_settings = {
    for name, value in merge(local.gemini_settings, { STORE_URL = local.store_url }) : name => value if value != null
  }
}

resource "google_cloudfunctions2_function" "agent_edited" {
  name        = "${local.name}-agent-edited"
  location    = var.region
  description = "Checks every edit of an agent or a draft, and makes its clips"

  build_config {
    runtime           = "python313"
    entry_point       = "agent_edited"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    automatic_update_policy {}

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.function["agent_edited"].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.agent_edited.email
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_request_concurrency = 80 # events wait for the model, and a status mustn't wait for them
    min_instance_count               = 0
    max_instance_count               = 1                     # one process doesn't make a clip twice, but two might
    timeout_seconds                  = 540                   # less than Pub/Sub waits; see event_deadline
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # Eventarc's events are internal
    environment_variables            = local._agent_edited_settings

    dynamic "secret_environment_variables" {
      for_each = toset(local.secrets_of.agent_edited)
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

resource "google_cloud_run_v2_service_iam_member" "events_call_agent_edited" {
  location = var.region
  name     = google_cloudfunctions2_function.agent_edited.name
  role     = "roles/run.invoker"
  member   = google_service_account.agent_edited.member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.agent_edited.id]
  }
}

# Google's account that delivers the events, with its role. The first use creates it, but fails, so it is created here.
# Others in the project may use it, so it is never removed. The phone number doesn't depend on anything from here on: calls
# are answered without these events.
resource "terraform_data" "eventarc_agent" {
  input = var.project_id

  provisioner "local-exec" {
    command = join(" && ", [
      "gcloud beta services identity create --service=eventarc.googleapis.com --project=\"$PROJECT\" --quiet",
      "gcloud projects add-iam-policy-binding \"$PROJECT\" --member=\"serviceAccount:service-$NUMBER@gcp-sa-eventarc.iam.gserviceaccount.com\" --role=roles/eventarc.serviceAgent --condition=None --quiet --format=none",
    ])
    environment = {
      NUMBER  = local.project_number
      PROJECT = self.input
    }
  }

  depends_on = [time_sleep.apis]
}

# A function can have at most one built-in trigger, and one pattern for both collections would also match every write to a
# call.
resource "google_eventarc_trigger" "agent_edited" {
  for_each = toset(["agents", "drafts"])

  name                    = "${local.name}-${each.key}-edited"
  location                = google_firestore_database.this.location_id # events are in their database's region
  service_account         = google_service_account.agent_edited.email
  event_data_content_type = "application/protobuf"

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.firestore.document.v1.written"
  }
  matching_criteria {
    attribute = "database"
    value     = google_firestore_database.this.name
  }
  matching_criteria {
    attribute = "document"
    operator  = "match-path-pattern"
    value     = "${each.key}/{id}"
  }

  destination {
    cloud_run_service {
      service = google_cloudfunctions2_function.agent_edited.name
      region  = var.region
    }
  }

  # The grant waits for the function to exist, and by then the service agent's role has long taken effect.
  depends_on = [google_cloud_run_v2_service_iam_member.events_call_agent_edited, terraform_data.eventarc_agent]
}

# An event is acknowledged once its clips are made. With Eventarc's default deadline of 10 s, it would be delivered again
# in the meantime.
resource "terraform_data" "event_deadline" {
  for_each = google_eventarc_trigger.agent_edited

  triggers_replace = [each.value.id]

  provisioner "local-exec" {
    command = join(" && ", [
      "SUBSCRIPTION=$(gcloud eventarc triggers describe \"$TRIGGER\" --project=\"$PROJECT\" --location=\"$LOCATION\" --format='value(transport.pubsub.subscription)')",
      "gcloud pubsub subscriptions update \"$SUBSCRIPTION\" --project=\"$PROJECT\" --ack-deadline=600 --quiet",
    ])
    environment = {
      LOCATION = each.value.location
      PROJECT  = var.project_id
      TRIGGER  = each.value.name
    }
  }
}

# According to Google, a new trigger may take two minutes to start delivering events.
resource "time_sleep" "events" {
  create_duration = "120s"
  triggers        = { triggers = sha256(jsonencode([for trigger in google_eventarc_trigger.agent_edited : trigger.id])) }
}

# Agents that existed before, such as the seeded one, didn't cause an event, so they have no clips yet. A new version of
# the function may also judge them differently.
resource "terraform_data" "agents_looked_at" {
  triggers_replace = [local.store_url, local._zips["agent_edited"].sha256]

  provisioner "local-exec" {
    command = "python3 ${path.module}/scripts/firestore.py look"
    environment = {
      COLLECTION = "agents"
      DATABASE   = google_firestore_database.this.name
      PROJECT    = var.project_id
    }
  }

  depends_on = [terraform_data.event_deadline, terraform_data.seed, time_sleep.events]
}
