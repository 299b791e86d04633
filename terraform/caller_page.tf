# The page on which callers send photos and texts during a call, which is off unless caller_page is true. The tool
# ask_for_photo texts them the link. The page runs as a service, so that it also works where functions can't be public.

locals {
  caller_page     = "${local.name}-caller-page"
  caller_page_url = var.caller_page ? "https://${local.caller_page}-${local._domain}" : null
}

resource "google_service_account" "caller_page" {
  count = var.caller_page ? 1 : 0

  account_id   = "${local.name}-caller-page"
  display_name = "${local.name}: receives callers' photos"

  depends_on = [time_sleep.apis]
}

resource "google_cloud_run_v2_service" "caller_page" {
  count = var.caller_page ? 1 : 0

  name                = local.caller_page
  location            = var.region
  description         = "The page on which callers send photos and texts during a call"
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false # it stores nothing

  invoker_iam_disabled = var.domain_restricted_sharing

  template {
    service_account = google_service_account.caller_page[0].email
    timeout         = "60s"

    # Of 512 MB, the program that decodes photos, one at a time, may use 256 (photo_page/reduce_photo.py); the rest is for
    # the process and photos arriving in the meantime, of up to 10 MB each.
    max_instance_request_concurrency = 4

    scaling {
      min_instance_count = 0
      max_instance_count = 5
    }

    containers {
      image = terraform_data.image["caller_page"].output

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
        name  = "STORE_URL"
        value = local.store_url
      }

      dynamic "env" {
        for_each = toset(local.secrets_of.caller_page)
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

# Callers have no Google identity; instead, the page requires a link that was signed for a call.
resource "google_cloud_run_v2_service_iam_member" "anybody_opens_caller_page" {
  count = var.caller_page && !var.domain_restricted_sharing ? 1 : 0

  location = var.region
  name     = google_cloud_run_v2_service.caller_page[0].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}
