# Audio of calls whose agents have `record: true`; free if there are none. The bucket's name follows from the project's and
# the database's, so that the command line can find it (cli/ringdown_cli/store_choice.py).

locals {
  recordings = "gs://${google_storage_bucket.recordings.name}"
}

resource "google_storage_bucket" "recordings" {
  #checkov:skip=CKV_GCP_78:Deleted recordings must be gone, so versioning is off
  name                        = "${var.project_id}-${local.name}-recordings"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # The bucket stays put when the region changes, because recordings can't move.
  lifecycle {
    ignore_changes = [location]
  }

  # Keep recordings as long as call records: RETENTION in shared/ringdown/calls/__init__.py.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }

  # Recordings must be gone as soon as they are deleted.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [time_sleep.apis]
}

# The stream handler can write parts of recordings, but not read, replace or delete them.
resource "google_storage_bucket_iam_member" "stream_handler" {
  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.stream_handler.member
}

# The console plays recordings, and deletes those of forgotten callers. Google has no narrower role that can delete.
resource "google_storage_bucket_iam_member" "console" {
  count = local._has_console ? 1 : 0

  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectUser"
  member = google_service_account.console[0].member
}
