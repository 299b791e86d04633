# One private function for each folder in functions/tools/ that has a tool.yaml.

locals {
  # The roles that a tool.yaml may ask for. The database and the topic are this deployment's.
  roles_for_tools = [
    "roles/aiplatform.user",
    "roles/datastore.user",
    "roles/pubsub.publisher",
  ]

  tool_folders = {
    for file in fileset("${local.root}/functions/tools", "*/tool.yaml") :
    dirname(file) => yamldecode(file("${local.root}/functions/tools/${file}"))
  }
  _placeholders = {
    "{callback_topic}"     = google_pubsub_topic.callbacks.id
    "{caller_page_url}"    = var.caller_page ? local.caller_page_url : ""
    "{phone_numbers}"      = join(",", keys(var.phone_numbers))
    "{project}"            = var.project_id
    "{region}"             = var.region
    "{store_url}"          = local.store_url
    "{texts_api_url}"      = local.texts_api_url
    "{twilio_account_sid}" = var.twilio_account_sid
  }

  # The tools that have all their secrets. The names aren't sensitive, so that they are known in a plan.
  tools = {
    for folder, tool in local.tool_folders : folder => {
      before_call = try(tool.before_call, false)
      function    = "${local.name}-${replace(folder, "_", "-")}"
      roles       = try(tolist(tool.roles), [])
      secrets     = try(keys(tool.secrets), [])
      settings    = { for setting, default in try(tomap(tool.settings), {}) : setting => try(var.tool_settings[folder][setting], default) }
      timeout     = ceil(try(tool.timeout_s, 10)) + 5 # so that the caller gives up before the platform does
      url         = format(local.tool_url_pattern, "${local.name}-${replace(folder, "_", "-")}")
    }
    if length(setsubtract(try(keys(tool.secrets), []), keys(local.secret_versions))) == 0
  }
  tool_settings = {
    for name, tool in local.tools : name => {
      for setting, value in tool.settings : setting => join("", [
        for part in regexall("\\{[a-z_]+\\}|[^{]+|\\{", value) : lookup(local._placeholders, part, part)
      ])
      if value != ""
    }
  }
}

resource "google_cloudfunctions2_function" "tool" {
  for_each = local.tools

  name        = each.value.function
  location    = var.region
  description = "The tool ${each.key}, called by the stream handler${each.value.before_call ? " and, before a call, by the webhook" : " only"}"

  build_config {
    runtime           = "python313"
    entry_point       = each.key
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    automatic_update_policy {}

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.function["tools/${each.key}"].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.tool[each.key].email
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_request_concurrency = 16
    min_instance_count               = 0
    max_instance_count               = var.max_instances
    timeout_seconds                  = each.value.timeout
    ingress_settings                 = "ALLOW_ALL" # IAM refuses everyone else
    environment_variables            = local.tool_settings[each.key]

    dynamic "secret_environment_variables" {
      for_each = toset(local.secrets_of["tool/${each.key}"])
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = local.secret_variables[secret_environment_variables.key].secret
        version    = local.secret_variables[secret_environment_variables.key].version
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.tool_folders[each.key].name == each.key
      error_message = "functions/tools/${each.key}/tool.yaml has the name ${local.tool_folders[each.key].name}. It must be the same as the folder's: ${each.key}."
    }
    precondition {
      condition     = length(each.value.function) <= 49
      error_message = "The tool ${each.key} would be the function ${each.value.function}, whose name is over 49 characters. Give its folder a shorter name."
    }
  }

  depends_on = [time_sleep.grants]
}

resource "google_cloud_run_v2_service_iam_member" "stream_handler_calls_tool" {
  for_each = local.tools

  location = var.region
  name     = google_cloudfunctions2_function.tool[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.stream_handler.member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.tool[each.key].id]
  }
}

# Operators edit agents, which name the tool to call while the phone rings. So the webhook can call only tools whose
# tool.yaml allows this, and no edit lets it reach another one.
resource "google_cloud_run_v2_service_iam_member" "incoming_call_calls_tool" {
  for_each = { for name, tool in local.tools : name => tool if tool.before_call }

  location = var.region
  name     = google_cloudfunctions2_function.tool[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.incoming_call.member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.tool[each.key].id]
  }
}

# schedule_callback notifies staff here. The subscription keeps a week of callbacks, to pull now or push later.
resource "google_pubsub_topic" "callbacks" {
  name = "${local.name}-callbacks"

  dynamic "message_storage_policy" {
    for_each = local.home == "global" ? [] : [local.home]
    content {
      allowed_persistence_regions = [message_storage_policy.value]
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_pubsub_topic_iam_member" "tool" {
  for_each = { for name, tool in local.tools : name => tool if contains(tool.roles, "roles/pubsub.publisher") }

  topic  = google_pubsub_topic.callbacks.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.tool[each.key].member
}

resource "google_pubsub_subscription" "callbacks" {
  name                       = "${local.name}-callbacks"
  topic                      = google_pubsub_topic.callbacks.id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = "" # never, even if it isn't used for a month
  }
}
