# The console for the people who run the line, which is off unless console_people names someone. Identity-Aware Proxy runs
# on the service, without a load balancer; the console checks the header that it signs.

locals {
  console          = "${local.name}-console"
  console_url      = length(var.console_people) == 0 ? null : "https://${local.console}-${local._domain}"
  _has_console     = length(var.console_people) > 0
  _iap_agent       = "serviceAccount:service-${local.project_number}@gcp-sa-iap.iam.gserviceaccount.com"
  _people_document = { roles = var.console_people }
}

resource "google_service_account" "console" {
  count = local._has_console ? 1 : 0

  account_id   = "${local.name}-console"
  display_name = "${local.name}: pages for the people who run the line"

  depends_on = [time_sleep.apis]
}

resource "google_cloud_run_v2_service" "console" {
  count = local._has_console ? 1 : 0

  name                = local.console
  location            = var.region
  description         = "Pages for the people who run the line"
  ingress             = "INGRESS_TRAFFIC_ALL"
  iap_enabled         = true
  deletion_protection = false # it stores nothing

  template {
    service_account                  = google_service_account.console[0].email
    timeout                          = "60s"
    max_instance_request_concurrency = 40

    scaling {
      min_instance_count = 0
      max_instance_count = 2
    }

    containers {
      image = terraform_data.image["console"].output

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

      env {
        # The audience for Cloud Run: https://cloud.google.com/iap/docs/signed-headers-howto
        name  = "IAP_AUDIENCE"
        value = "/projects/${local.project_number}/locations/${var.region}/services/${local.console}"
      }
      env {
        name  = "RECORDINGS"
        value = local.recordings
      }
      env {
        name  = "STORE_URL"
        value = local.store_url
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 60
        http_get {
          path = "/ready"
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

# The account that the proxy calls the service with. Google creates it on request, once per project.
resource "terraform_data" "iap_agent" {
  count = local._has_console ? 1 : 0

  triggers_replace = var.project_id

  provisioner "local-exec" {
    command = "gcloud beta services identity create --service=iap.googleapis.com --project=\"$PROJECT\" --quiet"
    environment = {
      PROJECT = var.project_id
    }
  }

  depends_on = [time_sleep.apis]
}

# Only the proxy may call the service, so it can't be bypassed.
resource "google_cloud_run_v2_service_iam_member" "proxy_calls_console" {
  count = local._has_console ? 1 : 0

  location = var.region
  name     = google_cloud_run_v2_service.console[0].name
  role     = "roles/run.invoker"
  member   = local._iap_agent

  depends_on = [terraform_data.iap_agent]
}

# The people the proxy lets through. Their roles are in settings/people.
resource "google_iap_web_cloud_run_service_iam_member" "person" {
  for_each = var.console_people

  location               = var.region
  cloud_run_service_name = google_cloud_run_v2_service.console[0].name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = "user:${each.key}"
}

# Written once, so that someone can sign in; from then on it belongs to the operators. See docs/decisions/0007.
resource "terraform_data" "people" {
  count = local._has_console ? 1 : 0

  triggers_replace = local.store_url

  provisioner "local-exec" {
    command = "python3 ${path.module}/scripts/firestore.py seed"
    environment = {
      DATABASE = google_firestore_database.this.name
      DOCUMENT = jsonencode(local._people_document)
      PROJECT  = var.project_id
      SEED     = "settings/people"
    }
  }
}
