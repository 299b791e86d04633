# Audio of calls whose agents have `record: true`; without any it is free. The bucket's name follows from the project's and
# the database's, so that the command line can find it (cli/ringdown_cli/store_choice.py).

locals {
  recordings = "gs://${google_storage_bucket.recordings.name}"
}

resource "google_storage_bucket" "recordings" {
  #checkov:skip=CKV_GCP_78:Forgotten recordings must be gone, so there are no versions
  name                        = "${var.project_id}-${local.name}-recordings"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # It stays put when the region changes, because recordings can't move.
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

  # Deleted recordings must be gone.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [time_sleep.apis]
}

# It can write parts, but not read, replace or delete them.
resource "google_storage_bucket_iam_member" "stream_handler" {
  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.stream_handler.member
}

# It plays recordings, and erases those of forgotten callers. Google has no narrower role that can delete.
resource "google_storage_bucket_iam_member" "console" {
  count = local._has_console ? 1 : 0

  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectUser"
  member = google_service_account.console[0].member
}
