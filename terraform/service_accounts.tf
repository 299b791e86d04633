# A separate account for each part, with only the project roles that it needs.

resource "google_service_account" "agent_edited" {
  account_id   = "${local.name}-agent-edited"
  display_name = "${local.name}: checks edits of agents, makes their clips"

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "build" {
  account_id   = "${local.name}-build"
  display_name = "${local.name}: builds functions and the stream handler's image"

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "incoming_call" {
  account_id   = "${local.name}-incoming-call"
  display_name = "${local.name}: Twilio's webhook"

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "stream_handler" {
  account_id   = "${local.name}-stream-handler"
  display_name = "${local.name}: carries the calls"

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "tool" {
  for_each = local.tools

  account_id   = "${local.name}-tool-${substr(sha256(each.key), 0, 8)}" # names can be too long
  display_name = "${local.name}: the tool ${each.key}"

  lifecycle {
    precondition {
      condition     = length(setsubtract(each.value.roles, local.roles_for_tools)) == 0
      error_message = "functions/tools/${each.key}/tool.yaml asks for ${join(", ", setsubtract(each.value.roles, local.roles_for_tools))}. A tool can have ${join(", ", local.roles_for_tools)}. If it needs another, add it to roles_for_tools in terraform/tools.tf, and to docs/security.md."
    }
  }

  depends_on = [time_sleep.apis]
}

locals {
  # The database's users, by IAM member.
  _store_users = merge(
    {
      agent_edited   = google_service_account.agent_edited.member
      call_ended     = google_service_account.call_ended.member
      incoming_call  = google_service_account.incoming_call.member
      stream_handler = google_service_account.stream_handler.member
    },
    var.caller_page ? { caller_page = google_service_account.caller_page[0].member } : {},
    local._has_console ? { console = google_service_account.console[0].member } : {},
    var.check_schedule == null ? {} : { scheduled_check = google_service_account.scheduled_check[0].member },
    {
      for name, tool in local.tools : "tool/${name}" => google_service_account.tool[name].member
      if contains(tool.roles, "roles/datastore.user")
    },
  )
  _tool_roles = merge([
    for name, tool in local.tools : {
      for role in tool.roles : "${name}/${role}" => { tool = name, role = role }
      if !contains(["roles/datastore.user", "roles/pubsub.publisher"], role)
    }
  ]...)
  _function_sources = "projects/_/buckets/gcf-v2-sources-${local.project_number}-${var.region}"
  _vertex_users = merge(
    local.on_vertex ? {
      agent_edited  = google_service_account.agent_edited.member
      call_ended    = google_service_account.call_ended.member
      incoming_call = google_service_account.incoming_call.member
    } : {},
    local.uses_vertex ? { stream_handler = google_service_account.stream_handler.member } : {},
    local.uses_vertex && var.check_schedule != null ? { scheduled_check = google_service_account.scheduled_check[0].member } : {},
  )
}

# The condition keeps an environment out of the project's other databases.
resource "google_project_iam_member" "store_user" {
  for_each = local._store_users

  project = var.project_id
  role    = "roles/datastore.user"
  member  = each.value

  condition {
    title      = "only the database ${local.name}"
    expression = "resource.name == \"projects/${var.project_id}/databases/${local.name}\""
  }
}

resource "google_project_iam_member" "tool" {
  for_each = local._tool_roles

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.tool[each.value.tool].member
}

resource "google_project_iam_member" "trace_writer" {
  count = var.traces ? 1 : 0

  project = var.project_id
  role    = "roles/telemetry.tracesWriter"
  member  = google_service_account.stream_handler.member
}

resource "google_project_iam_member" "vertex_user" {
  for_each = local._vertex_users

  project = var.project_id
  role    = "roles/aiplatform.user"
  member  = each.value

  lifecycle {
    create_before_destroy = true # running parts keep their roles until they are replaced
  }
}

resource "google_project_iam_member" "build" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

moved {
  from = google_project_iam_member.build["roles/logging.logWriter"]
  to   = google_project_iam_member.build
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# Cloud Functions copies what it builds into its own bucket, which doesn't exist until the first function is created. Before
# that, there is nothing to grant a role on.
resource "google_project_iam_member" "build_functions" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "only the sources of functions"
    expression = "resource.name == \"${local._function_sources}\" || resource.name.startsWith(\"${local._function_sources}/\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_project_iam_member" "event_receiver" {
  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.agent_edited.member
}

# A grant takes time to propagate, and a build or a revision that starts too early fails.
resource "time_sleep" "grants" {
  create_duration = "60s"
  triggers = {
    members = sha256(jsonencode([
      local._store_users, keys(local._tool_roles), local._vertex_users, keys(local.secret_readers), local._function_sources,
      var.traces,
    ]))
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_project_iam_member.build_functions,
    google_project_iam_member.event_receiver,
    google_project_iam_member.store_user,
    google_project_iam_member.tool,
    google_project_iam_member.trace_writer,
    google_project_iam_member.vertex_user,
    google_pubsub_topic_iam_member.tool,
    google_storage_bucket_iam_member.build,
    google_secret_manager_secret_iam_member.this,
  ]
}
