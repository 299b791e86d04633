# Documents that are written once, so that the first call is answered: the default agent and the
# tools' declarations. From then on they are the operators'; see docs/decisions/0007.

locals {
  _seeds = merge(
    {
      "agents/default" = jsonencode(yamldecode(file("${local.root}/shared/ringdown/packaged/default.yaml")))
    },
    {
      for name, tool in local.tools : "tools/${name}" => jsonencode(merge(
        { for field, value in local.tool_folders[name] : field => value if !contains(["roles", "secrets", "settings"], field) },
        { url = tool.url },
      ))
    },
  )

  # Firestore's API wants each value with its type, however deep: {"a": 1} is
  # {"a": {"integerValue": "1"}}. Terraform knows no recursion, and none is needed: the JSON is cut
  # into tokens, and each token is written in its typed form. A string before a colon is a name.
  _tokens = {
    for path, json in local._seeds :
    path => regexall("\"(?:[^\"\\\\]|\\\\.)*\"|[{}\\[\\]:,]|[^\"{}\\[\\]:,]+", json)
  }
  _typed = {
    for path, tokens in local._tokens : path => jsondecode(join("", [
      for i, token in tokens :
      token == "{" ? "{\"mapValue\":{\"fields\":{" :
      token == "}" ? "}}}" :
      token == "[" ? "{\"arrayValue\":{\"values\":[" :
      token == "]" ? "]}}" :
      token == ":" || token == "," ? token :
      token == "null" ? "{\"nullValue\":null}" :
      token == "true" || token == "false" ? "{\"booleanValue\":${token}}" :
      !startswith(token, "\"") ? (can(regex("^-?[0-9]+$", token)) ? "{\"integerValue\":\"${token}\"}" : "{\"doubleValue\":${token}}") :
      try(tokens[i + 1], "") == ":" ? token : "{\"stringValue\":${token}}"
    ])).mapValue.fields
  }
}

resource "google_firestore_document" "agent" {
  database    = google_firestore_database.this.name
  collection  = "agents"
  document_id = "default"
  fields      = jsonencode(local._typed["agents/default"])

  lifecycle {
    ignore_changes = [fields]
  }

  # So that the edit event of the new document is seen, and its status written.
  depends_on = [google_eventarc_trigger.agent_edited]
}

resource "google_firestore_document" "tool" {
  for_each = local.tools

  database    = google_firestore_database.this.name
  collection  = "tools"
  document_id = each.key
  fields      = jsonencode(local._typed["tools/${each.key}"])

  lifecycle {
    ignore_changes       = [fields]
    replace_triggered_by = [terraform_data.tool_address[each.key]]
  }
}

# A tool that has moved cannot be reached by what is written in its document.
resource "terraform_data" "tool_address" {
  for_each = local.tools

  input = each.value.url
}
