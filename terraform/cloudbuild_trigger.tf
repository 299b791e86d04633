# Runs cloudbuild.yaml on pushes to one branch, once somebody has approved it: what runs is in the pushed commit, and it
# runs as the account that applies. That one must be able to change everything here; it is not made here, because
# nothing here should be able to make such an account.
resource "google_cloudbuild_trigger" "push" {
  count = var.ci == null ? 0 : 1

  name            = "${local.name}-push"
  description     = "Tests, builds and applies what is pushed to ${var.ci.branch}, after approval"
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
      branch = "^${replace(var.ci.branch, ".", "\\.")}$"
    }
  }

  substitutions = {
    _APPLY_BRANCH = var.ci.branch
    _IMAGE        = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/stream-handler"
    _NAME         = local.name
    _STATE_BUCKET = var.ci.state_bucket
  }

  depends_on = [time_sleep.apis]
}
