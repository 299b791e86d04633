# Images that Cloud Build rebuilds when their files change: the stream handler's, unless stream_handler_image is set;
# incoming_call's, if it is a service; and those of the console, the caller's page and the doctor, if they are used.

locals {
  # The first folder has the Dockerfile.
  _image_folders = {
    caller_page     = ["functions/caller_page"]
    console         = ["services/console"]
    incoming_call   = ["functions/incoming_call"]
    scheduled_check = ["cli", "services/stream_handler"]
    stream_handler  = ["services/stream_handler"]
  }
  _image_files = {
    for part, folders in local._image_folders : part => sort(concat(
      [".dockerignore"],
      [for file in keys(local._shared_files) : "shared/${file}"],
      flatten([for folder in folders : [for file in fileset(local.root, "${folder}/**") : file if !can(regex(local._not_deployed, file))]]),
    ))
  }
  _built_images = {
    for part, files in local._image_files : part => join("", [
      "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/",
      "${replace(part, "_", "-")}:src-${substr(sha256(join("\n", [for file in files : "${file} ${filesha256("${local.root}/${file}")}"])), 0, 16)}",
    ])
  }
  stream_handler_image = var.stream_handler_image == null ? terraform_data.image["stream_handler"].output : var.stream_handler_image
}

resource "terraform_data" "image" {
  for_each = toset(concat(
    local._has_console ? ["console"] : [],
    var.caller_page ? ["caller_page"] : [],
    var.check_schedule == null ? [] : ["scheduled_check"],
    var.domain_restricted_sharing ? ["incoming_call"] : [],
    var.stream_handler_image == null ? ["stream_handler"] : [],
  ))

  input            = local._built_images[each.key]
  triggers_replace = local._built_images[each.key]

  provisioner "local-exec" {
    command     = "gcloud builds submit . --quiet --project=\"$PROJECT\" --region=\"$REGION\" --config=terraform/image.cloudbuild.yaml --substitutions=\"_DOCKERFILE=$DOCKERFILE,_IMAGE=$IMAGE\" --service-account=\"$ACCOUNT\" --gcs-source-staging-dir=\"$STAGING\""
    working_dir = local.root
    environment = {
      ACCOUNT    = google_service_account.build.id
      DOCKERFILE = "${local._image_folders[each.key][0]}/Dockerfile"
      IMAGE      = local._built_images[each.key]
      PROJECT    = var.project_id
      REGION     = local.home
      STAGING    = "${google_storage_bucket.sources.url}/image"
    }
  }

  depends_on = [time_sleep.grants]
}

moved {
  from = terraform_data.stream_handler_image[0]
  to   = terraform_data.image["stream_handler"]
}
