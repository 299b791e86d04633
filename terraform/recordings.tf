# The sound of calls whose agents have `record: true`; it costs nothing while there are none. Its name follows from those
# of project and database, so that whoever knows these finds it (cli/ringdown_cli/store_choice.py).

locals {
  recordings = "gs://${google_storage_bucket.recordings.name}"
}

resource "google_storage_bucket" "recordings" {
  #checkov:skip=CKV_GCP_78:What is forgotten must be gone, so there are no versions
  name                        = "${var.project_id}-${local.name}-recordings"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # With another region it stays where it is: recordings cannot move.
  lifecycle {
    ignore_changes = [location]
  }

  # As long as a call's record: RETENTION in shared/ringdown/calls/__init__.py.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }

  # What is forgotten is gone.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [time_sleep.apis]
}

# It can write parts, but neither hear, replace nor delete one.
resource "google_storage_bucket_iam_member" "stream_handler" {
  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.stream_handler.member
}

# It plays recordings, and erases those of callers who are forgotten. Google has no narrower role that deletes.
resource "google_storage_bucket_iam_member" "console" {
  count = local._has_console ? 1 : 0

  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectUser"
  member = google_service_account.console[0].member
}
