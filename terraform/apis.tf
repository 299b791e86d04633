locals {
  apis = concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "eventarc.googleapis.com",
      "eventarcpublishing.googleapis.com",
      "firebaserules.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    local.uses_key ? ["generativelanguage.googleapis.com"] : [],
    local.uses_vertex ? ["aiplatform.googleapis.com"] : [],
    length(var.console_people) == 0 ? [] : ["iap.googleapis.com"],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
    var.check_schedule == null ? [] : ["cloudscheduler.googleapis.com"],
    var.traces ? ["cloudtrace.googleapis.com", "telemetry.googleapis.com"] : [],
  )
}

# The provider uses the Resource Manager API before it can enable anything, and a new project doesn't even have that one.
# Once enabled, it takes a while to answer.
resource "terraform_data" "first_apis" {
  input = var.project_id

  provisioner "local-exec" {
    command = "gcloud services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com --project=\"$PROJECT\" --quiet && sleep 30"
    environment = {
      PROJECT = self.input
    }
  }
}

resource "google_project_service" "this" {
  for_each = toset(local.apis)

  service            = each.key
  disable_on_destroy = false # others in the project may use the API

  depends_on = [terraform_data.first_apis]
}

# A newly enabled API takes a while to answer, and the service agent that it creates takes a while to work.
resource "time_sleep" "apis" {
  create_duration = "60s"
  triggers        = { apis = join(",", local.apis) }

  depends_on = [google_project_service.this]
}
