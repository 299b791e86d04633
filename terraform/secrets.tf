locals {
  # By the name of the environment variable, the version asked for.
  _own_secrets = {
    for name, version in {
      GEMINI_API_KEY           = local.uses_key ? var.secret_versions.gemini_api_key : null
      STREAM_TOKEN_SECRET      = var.secret_versions.stream_token_secret
      TWILIO_AUTH_TOKEN        = var.secret_versions.twilio_auth_token
      TWILIO_SHARED_KEY_SECRET = var.secret_versions.twilio_shared_key_secret
    } : name => version if version != null
  }
  secret_versions = merge(var.enabled_tool_secrets, local._own_secrets)
  _secret_values = {
    GEMINI_API_KEY           = var.gemini_api_key
    STREAM_TOKEN_SECRET      = "${uuid()}${uuid()}" # 244 random bits, new each time; stored with a new version only
    TWILIO_AUTH_TOKEN        = var.twilio_auth_token
    TWILIO_SHARED_KEY_SECRET = var.twilio_shared_key_secret
  }

  # Which part is given which secrets, as environment variables of these names.
  secrets_of = merge(
    {
      agent_edited = [
        for name in ["GEMINI_API_KEY"] : name if contains(keys(local._own_secrets), name) && !local.on_vertex
      ]
      incoming_call = [
        for name in ["GEMINI_API_KEY", "STREAM_TOKEN_SECRET", "TWILIO_AUTH_TOKEN", "TWILIO_SHARED_KEY_SECRET"] :
        name if contains(keys(local._own_secrets), name) && !(name == "GEMINI_API_KEY" && local.on_vertex)
      ]
      stream_handler = [
        for name in ["GEMINI_API_KEY", "STREAM_TOKEN_SECRET", "TWILIO_AUTH_TOKEN", "TWILIO_SHARED_KEY_SECRET"] :
        name if contains(keys(local._own_secrets), name)
      ]
    },
    { for name, tool in local.tools : "tool/${name}" => tool.secrets },
  )
  _accounts_of = merge(
    {
      agent_edited   = google_service_account.agent_edited.member
      incoming_call  = google_service_account.incoming_call.member
      stream_handler = google_service_account.stream_handler.member
    },
    { for name in keys(local.tools) : "tool/${name}" => google_service_account.tool[name].member },
  )
  secret_readers = merge([
    for part, secrets in local.secrets_of : {
      for secret in secrets : "${part}/${secret}" => { part = part, secret = secret }
    }
  ]...)
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secret_versions

  secret_id = "${local.name}-${lower(replace(each.key, "_", "-"))}"

  replication {
    auto {}
  }

  depends_on = [time_sleep.apis]
}

# Write-only: the value goes from the variable to Secret Manager and is kept nowhere else. A new
# number means a new version, and so new instances, which are told which version to read.
resource "google_secret_manager_secret_version" "this" {
  for_each = local.secret_versions

  secret                 = google_secret_manager_secret.this[each.key].id
  secret_data_wo         = contains(keys(local._own_secrets), each.key) ? local._secret_values[each.key] : var.tool_secrets[each.key]
  secret_data_wo_version = each.value

  lifecycle {
    create_before_destroy = true # instances read the old one until they are replaced
  }
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = local._accounts_of[each.value.part]

  lifecycle {
    create_before_destroy = true # an instance that starts before it is replaced still reads its secrets
  }
}
