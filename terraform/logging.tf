# Dead letters: call records that were logged because the database didn't accept them. They contain what was said, so they
# are kept separate from the ordinary log, which more people can read.

locals {
  _dead_letters = "${local._handler_log} AND jsonPayload.ringdown_dead_letter=true"
}

resource "google_logging_project_bucket_config" "dead_letters" {
  project        = var.project_id
  location       = local.home
  bucket_id      = "${local.name}-dead-letters"
  retention_days = var.dead_letter_days
  description    = "Call records waiting for `ringdown calls restore`"

  # The bucket can't move, and its contents must not be lost.
  lifecycle {
    ignore_changes = [location]
  }

  depends_on = [time_sleep.apis]
}

resource "google_logging_project_sink" "dead_letters" {
  name                   = "${local.name}-dead-letters"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.dead_letters.id}"
  filter                 = local._dead_letters
  unique_writer_identity = true
}

# The sink above still gets them: the exclusion applies only to the default bucket.
resource "google_logging_project_exclusion" "dead_letters" {
  name        = "${local.name}-dead-letters"
  description = "Dead letters have a separate bucket"
  filter      = local._dead_letters

  depends_on = [google_logging_project_sink.dead_letters]
}
