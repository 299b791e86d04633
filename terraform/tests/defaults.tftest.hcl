# `terraform test`: plans only, with no provider and no cloud.

mock_provider "google" {}
mock_provider "time" {}

variables {
  gemini_api_key     = "no-key-of-anybody"
  phone_number       = "+14155550100"
  project_id         = "our-project-1"
  twilio_account_sid = "AC0123456789abcdef0123456789abcdef"
  twilio_auth_token  = "no-token-of-anybody"
}

run "defaults" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.stream_handler.template[0].timeout == "3600s"
    error_message = "A call must be able to last as long as Cloud Run lets a request."
  }
  assert {
    condition     = google_cloud_run_v2_service.stream_handler.template[0].scaling[0].min_instance_count == 0
    error_message = "Nothing may run, or cost, while nobody calls."
  }
  assert {
    condition     = google_cloudfunctions2_function.incoming_call.service_config[0].max_instance_request_concurrency >= 8
    error_message = "Status callbacks must not compete with a ringing call."
  }
  assert {
    condition     = google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "Records must not go with a destroy that was not meant for them."
  }
  assert {
    condition     = length(terraform_data.stream_handler_image) == 1
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
    error_message = "With Vertex AI there is no key to keep."
  }
  assert {
    condition     = contains(keys(google_project_service.this), "aiplatform.googleapis.com")
    error_message = "Vertex AI must be enabled."
  }
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
    condition     = length(terraform_data.stream_handler_image) == 0
    error_message = "Nothing is to be built."
  }
}
