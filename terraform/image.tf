# The stream handler's image: built by Cloud Build when its files have changed, unless one is given.

locals {
  _image_files = sort(concat(
    [".dockerignore"],
    [for file in keys(local._shared_files) : "shared/${file}"],
    [
      for file in fileset(local.root, "services/stream_handler/**") : file
      if !can(regex(local._not_deployed, file))
    ],
  ))
  _image_hash          = sha256(join("\n", [for file in local._image_files : "${file} ${filesha256("${local.root}/${file}")}"]))
  _built_image         = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/stream-handler:src-${substr(local._image_hash, 0, 16)}"
  stream_handler_image = var.stream_handler_image == null ? terraform_data.stream_handler_image[0].output : var.stream_handler_image
}

resource "terraform_data" "stream_handler_image" {
  count = var.stream_handler_image == null ? 1 : 0

  input            = local._built_image
  triggers_replace = local._built_image

  provisioner "local-exec" {
    command     = "gcloud builds submit . --quiet --project=\"$PROJECT\" --config=terraform/image.cloudbuild.yaml --substitutions=\"_IMAGE=$IMAGE\" --service-account=\"$ACCOUNT\" --gcs-source-staging-dir=\"$STAGING\""
    working_dir = local.root
    environment = {
      ACCOUNT = google_service_account.build.id
      IMAGE   = local._built_image
      PROJECT = var.project_id
      STAGING = "${google_storage_bucket.sources.url}/image"
    }
  }

  depends_on = [time_sleep.grants]
}
