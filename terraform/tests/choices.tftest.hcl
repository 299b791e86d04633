# `terraform test`: only plans, without providers or a cloud.

mock_provider "google" {}
mock_provider "google" {
  alias = "with_quota_project"
}
mock_provider "time" {}

variables {
  gemini_api_key     = "no-key-of-anybody"
  phone_numbers      = { "+14155550100" = {} }
  project_id         = "our-project-1"
  twilio_account_sid = "AC0123456789abcdef0123456789abcdef"
  twilio_auth_token  = "no-token-of-anybody"
}

run "defaults" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.stream_handler.template[0].timeout == "3600s"
    error_message = "A call must be able to last as long as Cloud Run allows a request to."
  }
  assert {
    condition     = google_cloud_run_v2_service.stream_handler.template[0].scaling[0].min_instance_count == 0
    error_message = "Without calls, nothing may run or cost anything."
  }
  assert {
    condition     = google_cloudfunctions2_function.incoming_call[0].service_config[0].max_instance_request_concurrency >= 8
    error_message = "Status callbacks must not compete with a ringing call."
  }
  assert {
    condition     = google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "An unintended destroy must not delete the records."
  }
  assert {
    condition     = join(",", keys(terraform_data.image)) == "stream_handler"
    error_message = "The first apply must build the image by itself."
  }
}

run "vertex_needs_no_key" {
  command = plan

  variables {
    gemini_api_key = null
    gemini_backend = "vertex"
  }

  assert {
    condition     = !contains(keys(google_secret_manager_secret.this), "GEMINI_API_KEY")
    error_message = "Vertex AI doesn't need a key."
  }
  assert {
    condition     = contains(keys(google_project_service.this), "aiplatform.googleapis.com")
    error_message = "Vertex AI must be enabled."
  }
}

run "vertex_stands_in_for_the_key" {
  command = plan

  variables {
    model_endpoints = ["vertex:us-central1", "vertex:europe-west4"]
  }

  assert {
    condition     = keys(google_project_iam_member.vertex_user) == ["stream_handler"]
    error_message = "Only what dials the other endpoints may use Vertex AI."
  }
  assert {
    condition     = length(setintersection(keys(google_project_service.this), ["aiplatform.googleapis.com", "generativelanguage.googleapis.com"])) == 2
    error_message = "Both APIs must be enabled."
  }
}

run "a_key_is_needed_where_it_stands_in_for_vertex" {
  command = plan

  variables {
    gemini_api_key  = null
    gemini_backend  = "vertex"
    model_endpoints = ["developer"]
  }

  expect_failures = [var.gemini_api_key]
}

run "an_endpoint_does_not_stand_in_for_itself" {
  command = plan

  variables {
    model_endpoints = ["developer"]
  }

  expect_failures = [var.model_endpoints]
}

run "a_key_is_needed_without_vertex" {
  command = plan

  variables {
    gemini_api_key = null
  }

  expect_failures = [var.gemini_api_key]
}

run "an_image_that_is_given_is_not_built" {
  command = plan

  variables {
    stream_handler_image = "europe-docker.pkg.dev/p/i/h@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }

  assert {
    condition     = length(terraform_data.image) == 0
    error_message = "Nothing must be built."
  }
}

run "everything_that_is_optional_can_be_had_at_once" {
  command = plan

  variables {
    alert_email  = "oncall@example.com"
    budget       = { billing_account = "012345-6789AB-CDEF01", amount = 200 }
    uptime_check = true
    ci = {
      owner           = "us"
      repository      = "ringdown"
      service_account = "deployer@our-project-1.iam.gserviceaccount.com"
      state_bucket    = "our-state"
    }
  }

  assert {
    condition     = google_cloudbuild_trigger.push[0].filename == "cloudbuild.yaml"
    error_message = "The trigger must run the pipeline."
  }
  assert {
    condition     = length(google_billing_budget.monthly) == 1 && length(google_monitoring_uptime_check_config.incoming_call) == 1
    error_message = "Budget and uptime check were asked for."
  }
  assert {
    condition     = alltrue([for alert in google_monitoring_alert_policy.count : length(alert.notification_channels) == 1])
    error_message = "Every alert must reach the address."
  }
}

run "a_second_environment_has_names_of_its_own" {
  command = plan

  variables {
    name = "staging"
  }

  assert {
    condition     = google_firestore_database.this.name == "staging"
    error_message = "Agents and calls of two environments must be separate."
  }
  assert {
    condition     = startswith(google_cloud_run_v2_service.stream_handler.name, "staging-")
    error_message = "Two environments must not share a service."
  }
}

run "no_console_unless_somebody_is_named" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.console) == 0 && length(google_service_account.console) == 0
    error_message = "The console must be off by default."
  }
  assert {
    condition     = output.console_url == null && !contains(keys(google_project_service.this), "iap.googleapis.com")
    error_message = "Without a console, nothing may be enabled for it."
  }
}

run "a_console_behind_the_proxy" {
  command = plan

  variables {
    console_people = { "anna@example.com" = "editor", "vera@example.com" = "viewer" }
  }

  assert {
    condition     = google_cloud_run_v2_service.console[0].iap_enabled
    error_message = "Identity-Aware Proxy must protect the console."
  }
  assert {
    condition     = google_cloud_run_v2_service.console[0].template[0].scaling[0].min_instance_count == 0
    error_message = "Nothing may run or cost anything while the console isn't used."
  }
  assert {
    condition     = join(",", keys(google_iap_web_cloud_run_service_iam_member.person)) == "anna@example.com,vera@example.com"
    error_message = "Only the named people must get through."
  }
  assert {
    condition     = contains(keys(terraform_data.image), "console")
    error_message = "The image must be built."
  }
}

run "a_role_that_there_is_not" {
  command = plan

  variables {
    console_people = { "anna@example.com" = "owner" }
  }

  expect_failures = [var.console_people]
}

run "a_console_without_an_editor" {
  command = plan

  variables {
    console_people = { "vera@example.com" = "viewer" }
  }

  expect_failures = [var.console_people]
}
