# Sources for builds, and the Twilio number's previous settings.
resource "google_storage_bucket" "sources" {
  name                        = "${var.project_id}-${local.name}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # The bucket stays put when the region changes, because the number's previous settings must not be lost.
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
  # Leaves out caches, hidden files and requirements.in, which requirements.txt locks.
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

# main.py is at the root, next to `ringdown`, because the platform puts that folder on Python's path.
data "archive_file" "function" {
  for_each = local._function_files

  type             = "zip"
  output_path      = "${path.module}/.build/${replace(each.key, "/", "-")}.zip"
  output_file_mode = "0644" # regardless of local modes, so that the same files give the same bytes

  dynamic "source" {
    for_each = each.value
    content {
      filename = source.key
      content  = file(source.value)
    }
  }
}

locals {
  # Read the data sources only once, because each use goes through every file's content.
  _zips = { for name, zip in data.archive_file.function : name => { path = zip.output_path, sha256 = zip.output_sha256 } }
}

# The hash is in the name, because functions are redeployed only when the object's name changes.
resource "google_storage_bucket_object" "function" {
  for_each = local._function_files

  bucket = google_storage_bucket.sources.name
  name   = "functions/${each.key}-${local._zips[each.key].sha256}.zip"
  source = local._zips[each.key].path
}
