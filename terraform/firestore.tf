resource "google_firestore_database" "this" {
  name                              = local.name
  location_id                       = coalesce(var.firestore_location, var.region)
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.deletion_protection ? "ABANDON" : "DELETE"

  # Everything else moves when the region changes, but a database can't.
  lifecycle {
    ignore_changes = [location_id]
  }

  depends_on = [time_sleep.apis]
}

locals {
  # The code that runs the queries lists the indexes, TTLs and exemptions that the database needs.
  _firestore = jsondecode(file("${local.root}/shared/ringdown/packaged/firestore.json"))
}

resource "google_firestore_index" "this" {
  for_each = {
    for index in local._firestore.indexes :
    join("/", concat([index.collection_group], [for field in index.fields : "${field.field_path}-${lower(field.order)}"])) => index
  }

  database    = google_firestore_database.this.name
  collection  = each.value.collection_group
  query_scope = "COLLECTION"

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value.field_path
      order      = fields.value.order
    }
  }
}

# A TTL deletes a document but nothing below it, so each of these collections has its own. A script sets them, because if
# a destroy leaves the database, it must leave the TTLs as well.
resource "terraform_data" "ttl" {
  triggers_replace = [local.store_url, local._firestore.ttl]

  provisioner "local-exec" {
    command = "python3 ${path.module}/scripts/firestore.py expire"
    environment = {
      COLLECTION_GROUPS = join(" ", local._firestore.ttl.collection_groups)
      DATABASE          = google_firestore_database.this.name
      FIELD             = local._firestore.ttl.field
      PROJECT           = var.project_id
    }
  }
}

# Until November 2026 these were Terraform resources; they stay in the database.
removed {
  from = google_firestore_field.ttl

  lifecycle {
    destroy = false
  }
}

# Long texts that aren't queried. Otherwise each would be indexed and billed.
resource "google_firestore_field" "unindexed" {
  for_each = { for it in local._firestore.index_exemptions : "${it.collection_group}/${it.field}" => it }

  database   = google_firestore_database.this.name
  collection = each.value.collection_group
  field      = each.value.field

  index_config {}
}

# Phones, browsers and apps can't read or write; only servers can, and IAM governs them.
resource "terraform_data" "firestore_rules" {
  triggers_replace = [google_firestore_database.this.name, filesha256("${path.module}/firestore.rules")]

  provisioner "local-exec" {
    command = "python3 ${path.module}/scripts/firestore.py rules"
    environment = {
      DATABASE = google_firestore_database.this.name
      PROJECT  = var.project_id
      RULES    = "${path.module}/firestore.rules"
    }
  }
}
