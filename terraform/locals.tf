# This must not depend on anything that a later apply can change: if the project number were unknown, all URLs would be too,
# and everything made from a URL would be planned again.
data "google_project" "this" {
  project_id = var.project_id

  depends_on = [terraform_data.first_apis]
}

locals {
  name           = var.name
  project_number = data.google_project.this.number
  on_vertex      = var.gemini_backend == "vertex"
  first_endpoint = local.on_vertex ? "vertex:${var.vertex_location}" : "developer"
  uses_vertex    = local.on_vertex || anytrue([for name in var.model_endpoints : startswith(name, "vertex:")])
  uses_key       = !local.on_vertex || contains(var.model_endpoints, "developer")
  root           = "${path.module}/.."
  home           = startswith(var.region, "europe-") ? var.region : "global" # for what would otherwise not have a region
  store_url      = "firestore:${var.project_id}/${google_firestore_database.this.name}"

  # These follow from names, so they are known before the services exist: incoming_call and the stream handler each need
  # the other's URL.
  _domain          = "${local.project_number}.${var.region}.run.app"
  incoming_call    = "${local.name}-${var.domain_restricted_sharing ? "webhook" : "incoming-call"}" # a function's service may still exist
  public_url       = "https://${local.incoming_call}-${local._domain}"
  stream_handler   = "${local.name}-stream-handler"
  stream_url       = "wss://${local.stream_handler}-${local._domain}"
  tool_url_pattern = "https://%s-${local._domain}"

  gemini_settings = {
    GEMINI_BACKEND       = var.gemini_backend
    GEMINI_BASE_URL      = var.gemini_base_url
    GOOGLE_CLOUD_PROJECT = local.uses_vertex ? var.project_id : null
    VERTEX_LOCATION      = local.on_vertex ? var.vertex_location : null
  }
}
