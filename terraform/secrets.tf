locals {
  # The requested versions, by environment variable.
  _own_secrets = {
    for name, version in {
      GEMINI_API_KEY           = local.uses_key ? var.secret_versions.gemini_api_key : null
      STREAM_TOKEN_SECRET      = var.secret_versions.stream_token_secret
      TWILIO_AUTH_TOKEN        = var.secret_versions.twilio_auth_token
      TWILIO_SHARED_KEY_SECRET = var.secret_versions.twilio_shared_key_secret
      UPLOAD_LINK_SECRET       = var.caller_page ? var.secret_versions.upload_link_secret : null
    } : name => version if version != null
  }
  secret_versions = merge(var.enabled_tool_secrets, local._own_secrets)

  # The previous version of these is kept, and passed as NAME_BEFORE to whatever checks them, so that it is still accepted.
  _rotated = concat(["STREAM_TOKEN_SECRET", "TWILIO_AUTH_TOKEN"], var.caller_page ? ["UPLOAD_LINK_SECRET"] : [])
  _stored = merge(
    { for name, number in local.secret_versions : name => { secret = name, number = number } if !contains(local._rotated, name) },
    merge([
      for name in local._rotated : {
        for number in distinct([max(local.secret_versions[name] - 1, 1), local.secret_versions[name]]) :
        "${name}/${number}" => { secret = name, number = number }
      }
    ]...),
  )

  # The values, by environment variable.
  _stored_for = merge(
    { for name, number in local.secret_versions : name => contains(local._rotated, name) ? "${name}/${number}" : name },
    { for name in local._rotated : "${name}_BEFORE" => "${name}/${local.secret_versions[name] - 1}" if local.secret_versions[name] > 1 },
  )
  secret_variables = {
    for variable, stored in local._stored_for : variable => {
      secret  = google_secret_manager_secret.this[local._stored[stored].secret].secret_id
      version = google_secret_manager_secret_version.this[stored].version
    }
  }
  _secret_values = {
    GEMINI_API_KEY           = var.gemini_api_key
    STREAM_TOKEN_SECRET      = "${uuid()}${uuid()}" # 244 random bits, new each time, but stored only with a new version
    TWILIO_AUTH_TOKEN        = var.twilio_auth_token
    TWILIO_SHARED_KEY_SECRET = var.twilio_shared_key_secret
    UPLOAD_LINK_SECRET       = "${uuid()}${uuid()}"
  }

  _for_signatures = [
    "STREAM_TOKEN_SECRET", "STREAM_TOKEN_SECRET_BEFORE", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_BEFORE", "TWILIO_SHARED_KEY_SECRET",
  ]

  # The secrets that each part gets, as environment variables of these names.
  secrets_of = merge(
    {
      agent_edited = [
        for name in ["GEMINI_API_KEY"] : name if contains(keys(local._stored_for), name) && !local.on_vertex
      ]
      call_ended = [
        for name in ["GEMINI_API_KEY"] : name if contains(keys(local._stored_for), name) && !local.on_vertex
      ]
      caller_page = [
        for name in ["UPLOAD_LINK_SECRET", "UPLOAD_LINK_SECRET_BEFORE"] : name if contains(keys(local._stored_for), name)
      ]
      incoming_call = [
        for name in concat(["GEMINI_API_KEY"], local._for_signatures) :
        name if contains(keys(local._stored_for), name) && !(name == "GEMINI_API_KEY" && local.on_vertex)
      ]
      stream_handler = [
        for name in concat(["GEMINI_API_KEY"], local._for_signatures) :
        name if contains(keys(local._stored_for), name)
      ]
      scheduled_check = var.check_schedule == null ? [] : local.uses_key ? ["GEMINI_API_KEY", "TWILIO_AUTH_TOKEN"] : ["TWILIO_AUTH_TOKEN"]
    },
    {
      for name, tool in local.tools : "tool/${name}" => [
        for variable in concat(tool.secrets, [for secret in tool.secrets : "${secret}_BEFORE"]) :
        variable if contains(keys(local._stored_for), variable)
      ]
    },
  )
  _accounts_of = merge(
    {
      agent_edited    = google_service_account.agent_edited.member
      call_ended      = google_service_account.call_ended.member
      caller_page     = one(google_service_account.caller_page[*].member)
      incoming_call   = google_service_account.incoming_call.member
      scheduled_check = one(google_service_account.scheduled_check[*].member)
      stream_handler  = google_service_account.stream_handler.member
    },
    { for name in keys(local.tools) : "tool/${name}" => google_service_account.tool[name].member },
  )
  secret_readers = merge([
    for part, variables in local.secrets_of : {
      for secret in distinct([for variable in variables : local._stored[local._stored_for[variable]].secret]) :
      "${part}/${secret}" => { part = part, secret = secret }
    }
  ]...)
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secret_versions

  secret_id = "${local.name}-${lower(replace(each.key, "_", "-"))}"

  replication {
    dynamic "auto" {
      for_each = local.home == "global" ? [local.home] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = local.home == "global" ? [] : [local.home]
      content {
        replicas {
          location = user_managed.value
        }
      }
    }
  }

  # A secret can't move: if the region changed, it would be recreated without its contents.
  lifecycle {
    ignore_changes = [replication]
  }

  depends_on = [time_sleep.apis]
}

# Write-only: the value goes from the variable to Secret Manager and isn't stored anywhere else. A new number makes a new
# version, and new instances that read it.
resource "google_secret_manager_secret_version" "this" {
  for_each = local._stored

  secret                 = google_secret_manager_secret.this[each.value.secret].id
  secret_data_wo         = contains(keys(local._own_secrets), each.value.secret) ? local._secret_values[each.value.secret] : var.tool_secrets[each.value.secret]
  secret_data_wo_version = each.value.number

  lifecycle {
    create_before_destroy = true # instances read the old version until they are replaced
  }
}

moved {
  from = google_secret_manager_secret_version.this["STREAM_TOKEN_SECRET"]
  to   = google_secret_manager_secret_version.this["STREAM_TOKEN_SECRET/1"]
}

moved {
  from = google_secret_manager_secret_version.this["TWILIO_AUTH_TOKEN"]
  to   = google_secret_manager_secret_version.this["TWILIO_AUTH_TOKEN/1"]
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = local._accounts_of[each.value.part]

  lifecycle {
    create_before_destroy = true # instances that start before they are replaced can still read their secrets
  }
}
