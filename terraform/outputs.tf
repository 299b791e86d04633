output "agents_url" {
  description = "Where to edit the agent in a browser."
  value       = "https://console.cloud.google.com/firestore/databases/${google_firestore_database.this.name}/data/panel/agents/default?project=${var.project_id}"
}

output "caller_page_url" {
  description = "Where callers send photos, using a texted link; null without caller_page."
  value       = local.caller_page_url
}

output "console_url" {
  description = "The console's URL, for the people in console_people; null without any."
  value       = local.console_url
}

output "fallback_url" {
  description = "What Twilio requests if webhook_url fails."
  value       = local.fallback_url
}

output "gemini_backend" {
  description = "The model's API: developer or vertex."
  value       = var.gemini_backend
}

output "model_endpoints" {
  description = "The model's other endpoints, separated by commas."
  value       = join(",", var.model_endpoints)
}

output "next" {
  description = "What to do next."
  value       = <<-EOT
    Call ${join(", ", keys(var.phone_numbers))}: the agent answers.
    Check everything:    ringdown doctor
    Change what it says: STORE_URL=${local.store_url} ringdown agents edit default
  EOT
}

output "phone_numbers" {
  description = "The numbers that agents answer."
  value       = keys(var.phone_numbers)
}

output "project_id" {
  description = "The project that the line runs in."
  value       = var.project_id
}

output "region" {
  description = "The region that the line runs in."
  value       = var.region
}

output "secret_ids" {
  description = "The secrets in Secret Manager, by the variable that holds each. Never their values."
  value       = { for name, secret in google_secret_manager_secret.this : name => secret.id }
}

output "recordings" {
  description = "Where recorded calls are: RECORDINGS for the `ringdown` command, which finds it automatically."
  value       = local.recordings
}

output "store_url" {
  description = "STORE_URL for the `ringdown` command."
  value       = local.store_url
}

output "stream_handler_image" {
  description = "The stream handler's image."
  value       = local.stream_handler_image
}

output "stream_url" {
  description = "Where Twilio opens its streams: stream_handler."
  value       = local.stream_url
}

output "tool_account_ids" {
  description = "The unique id of each tool's account, so that another cloud can trust it."
  value       = { for name in keys(local.tools) : name => google_service_account.tool[name].unique_id }
}

output "tools" {
  description = "The deployed tools, and those that are missing secrets."
  value = {
    for name, tool in local.tool_folders : name => contains(keys(local.tools), name) ? "deployed" : contains(keys(try(tool.secrets, {})), "UPLOAD_LINK_SECRET") && !var.caller_page ? "not deployed: needs caller_page = true" : "not deployed: needs ${join(", ", sort(setsubtract(keys(tool.secrets), keys(local.secret_versions))))}, see enabled_tool_secrets"
  }
}

output "twilio_account_sid" {
  description = "The Twilio account that the numbers belong to."
  value       = var.twilio_account_sid
}

output "twilio_region" {
  description = "The Twilio region that processes the numbers' calls."
  value       = var.twilio_region
}

output "vertex_location" {
  description = "Where Vertex AI serves the model; null without Vertex."
  value       = local.on_vertex ? var.vertex_location : null
}

output "webhook_url" {
  description = "Where Twilio sends its webhooks: incoming_call."
  value       = local.public_url
}
