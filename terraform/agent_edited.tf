resource "google_cloudfunctions2_function" "agent_edited" {
  name        = "${local.name}-agent-edited"
  location    = var.region
  description = "Looks at every edit of an agent or a draft"

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
    max_instance_request_concurrency = 8
    min_instance_count               = 0
    max_instance_count               = 3
    timeout_seconds                  = 60
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # Eventarc's events are internal
    environment_variables            = { STORE_URL = local.store_url }
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

# Google's own account that delivers the events, with its role. It would be made by the first use, which then fails.
# Others in the project may use it, so that it is never taken away. The number depends on nothing from here on:
# without these events calls are answered all the same.
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

# A function has one trigger of its own at most, and one pattern for both collections would also match
# every write to a call.
resource "google_eventarc_trigger" "agent_edited" {
  for_each = toset(["agents", "drafts"])

  name                    = "${local.name}-${each.key}-edited"
  location                = google_firestore_database.this.location_id # an event is where its database is
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

  # The agent's role is in force long before the function stands, which the grant to call it waits for.
  depends_on = [google_cloud_run_v2_service_iam_member.events_call_agent_edited, terraform_data.eventarc_agent]
}
