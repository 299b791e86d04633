# A person's credentials don't belong to a project, but this API needs one to charge the request to.
provider "google" {
  alias                 = "with_quota_project"
  project               = var.project_id
  billing_project       = var.project_id
  user_project_override = true
}

resource "google_billing_budget" "monthly" {
  provider = google.with_quota_project
  count    = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${local.name}: monthly"

  budget_filter {
    projects = ["projects/${local.project_number}"]
  }

  amount {
    specified_amount {
      units = floor(var.budget.amount) # in the billing account's currency; others are refused
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  depends_on = [time_sleep.apis]
}
