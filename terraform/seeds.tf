# Documents that are written once, so that the first call is answered: the default agent, the tools' declarations, and each
# number's agent. From then on they belong to the operators; see docs/decisions/0007.

locals {
  _seeds = merge(
    { for number, answered in var.phone_numbers : "numbers/${number}" => answered },
    { "agents/default" = yamldecode(file("${local.root}/shared/ringdown/packaged/default.yaml")) },
    {
      for name, tool in local.tools : "tools/${name}" => merge(
        { for field, value in local.tool_folders[name] : field => value if !contains(["roles", "secrets", "settings"], field) },
        { url = tool.url },
      )
    },
  )
}

# Created if missing; never replaced or deleted. The URL of a tool that moves to another region is updated.
resource "terraform_data" "seed" {
  for_each = local._seeds

  triggers_replace = [local.store_url, try(each.value.url, each.value.agent, null)]

  provisioner "local-exec" {
    command = "python3 ${path.module}/scripts/firestore.py seed"
    environment = {
      DATABASE = google_firestore_database.this.name
      DOCUMENT = jsonencode(each.value)
      PROJECT  = var.project_id
      SEED     = each.key
    }
  }
}

# Until November 2026 these were Terraform resources; they stay in the database.
removed {
  from = google_firestore_document.agent

  lifecycle {
    destroy = false
  }
}

removed {
  from = google_firestore_document.tool

  lifecycle {
    destroy = false
  }
}
