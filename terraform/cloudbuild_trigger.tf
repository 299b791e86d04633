# Two pipelines. What they run is in the pushed commit, so anyone who can push decides that. On the branch that is applied,
# it runs after approval, as the account that applies; on other branches, it runs as an account that can only read the state
# and has no secrets.

locals {
  _pipeline = var.ci == null ? {} : {
    _NAME         = local.name
    _STATE_BUCKET = var.ci.state_bucket
  }
  _applied_branch = var.ci == null ? "" : "^${replace(var.ci.branch, ".", "\\.")}$"
}

# The account that applies must be able to change everything here. It is created elsewhere, because nothing here should be
# able to create such an account.
resource "google_cloudbuild_trigger" "push" {
  count = var.ci == null ? 0 : 1

  name            = "${local.name}-push"
  description     = "Tests, builds and applies pushes to ${var.ci.branch}, after approval"
  location        = var.region
  service_account = "projects/${var.project_id}/serviceAccounts/${var.ci.service_account}"
  filename        = "cloudbuild.yaml"

  approval_config {
    approval_required = true
  }

  github {
    owner = var.ci.owner
    name  = var.ci.repository
    push {
      branch = local._applied_branch
    }
  }

  substitutions = merge(local._pipeline, {
    _IMAGE = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/stream-handler"
  })

  depends_on = [time_sleep.apis]
}

resource "google_cloudbuild_trigger" "plan" {
  count = var.ci == null ? 0 : 1

  name            = "${local.name}-plan"
  description     = "Tests and plans pushes to any other branch"
  location        = var.region
  service_account = google_service_account.plan[0].id
  filename        = "cloudbuild.plan.yaml"

  github {
    owner = var.ci.owner
    name  = var.ci.repository
    push {
      branch       = local._applied_branch
      invert_regex = true
    }
  }

  substitutions = local._pipeline

  depends_on = [google_project_iam_member.plan, google_storage_bucket_iam_member.plan]
}

resource "google_service_account" "plan" {
  count = var.ci == null ? 0 : 1

  account_id   = "${local.name}-plan"
  display_name = "${local.name}: plans pushes"

  depends_on = [time_sleep.apis]
}

# The plan uses only the state (-refresh=false), because refreshing would need permission to read everything.
resource "google_project_iam_member" "plan" {
  for_each = var.ci == null ? [] : toset(["roles/browser", "roles/logging.logWriter"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.plan[0].member
}

resource "google_storage_bucket_iam_member" "plan" {
  count = var.ci == null ? 0 : 1

  bucket = var.ci.state_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.plan[0].member
}
