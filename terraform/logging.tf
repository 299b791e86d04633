# Dead letters: records of calls that the database did not take, in the log. They hold what was said,
# so they are kept apart from the ordinary log, where more people read.

locals {
  _dead_letters = "${local._handler_log} AND jsonPayload.ringdown_dead_letter=true"
}

resource "google_logging_project_bucket_config" "dead_letters" {
  project        = var.project_id
  location       = local.home
  bucket_id      = "${local.name}-dead-letters"
  retention_days = var.dead_letter_days
  description    = "Records of calls that wait for `ringdown calls restore`"

  # It cannot move, and what is in it may not be lost.
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

# The sink above still gets them: an exclusion keeps them out of the default bucket only.
resource "google_logging_project_exclusion" "dead_letters" {
  name        = "${local.name}-dead-letters"
  description = "They have a bucket of their own"
  filter      = local._dead_letters

  depends_on = [google_logging_project_sink.dead_letters]
}
