# What builds start from, and what the Twilio number was set to before.
resource "google_storage_bucket" "sources" {
  name                        = "${var.project_id}-${local.name}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # With another region it stays where it is: what the number was set to before must not be lost.
  lifecycle {
    ignore_changes = [location]
  }

  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["image/"]
    }
  }

  depends_on = [time_sleep.apis]
}

locals {
  _function_folders = merge(
    {
      agent_edited  = "${local.root}/functions/agent_edited"
      call_ended    = "${local.root}/functions/call_ended"
      incoming_call = "${local.root}/functions/incoming_call"
    },
    { for name in keys(local.tools) : "tools/${name}" => "${local.root}/functions/tools/${name}" },
  )
  # Left out: caches, hidden files, and requirements.in, which only says what requirements.txt locks.
  _not_deployed = "(^|/)(__pycache__|\\.[^/]*|requirements\\.in)(/|$)|\\.pyc$"

  _shared_files = {
    for file in fileset("${local.root}/shared", "ringdown/**") : file => "${local.root}/shared/${file}"
    if !can(regex(local._not_deployed, file))
  }
  _function_files = {
    for name, folder in local._function_folders : name => merge(local._shared_files, {
      for file in fileset(folder, "**") : file => "${folder}/${file}"
      if !can(regex(local._not_deployed, file)) && file != "Dockerfile"
    })
  }
}

# main.py at the root, and `ringdown` beside it: the platform has that folder on Python's path.
data "archive_file" "function" {
  for_each = local._function_files

  type             = "zip"
  output_path      = "${path.module}/.build/${replace(each.key, "/", "-")}.zip"
  output_file_mode = "0644" # whatever it is here: the same files give the same bytes

  dynamic "source" {
    for_each = each.value
    content {
      filename = source.key
      content  = file(source.value)
    }
  }
}

locals {
  # Taken out once: each look at the data sources themselves goes through every file's content.
  _zips = { for name, zip in data.archive_file.function : name => { path = zip.output_path, sha256 = zip.output_sha256 } }
}

# The hash is in the name: functions are deployed again when the object's name changes, and only then.
resource "google_storage_bucket_object" "function" {
  for_each = local._function_files

  bucket = google_storage_bucket.sources.name
  name   = "functions/${each.key}-${local._zips[each.key].sha256}.zip"
  source = local._zips[each.key].path
}
