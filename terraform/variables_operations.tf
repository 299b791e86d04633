variable "alert_email" {
  description = "Where alerts go, such as oncall@example.com. Null: alerts appear only in the console."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be one address, such as oncall@example.com."
  }
}

variable "budget" {
  description = "A monthly budget for the project, with e-mail to the billing account's administrators at 50, 90 and 100 %: {billing_account = \"012345-6789AB-CDEF01\", amount = 200}, in the billing account's currency. It only sends warnings, and doesn't stop anything. It needs permissions on the billing account."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null

  validation {
    condition     = var.budget == null || (can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && try(var.budget.amount, 0) >= 1)
    error_message = "budget needs a billing_account like 012345-6789AB-CDEF01 (gcloud billing accounts list) and an amount of 1 or more."
  }
}

variable "check_schedule" {
  description = "When the doctor checks the line automatically, as cron in UTC, such as \"0 */6 * * *\". It wakes incoming_call and the stream handler, talks to the model for some seconds, and raises an alert if something is wrong. Null: no checks, and only calls wake the handler."
  type        = string
  default     = null

  validation {
    condition     = var.check_schedule == null || can(regex("^\\S+( \\S+){4}$", var.check_schedule))
    error_message = "check_schedule must be cron with five fields, such as \"0 */6 * * *\" for every six hours."
  }
}

variable "ci" {
  description = "After approval, test, build, plan and apply pushes to `branch`; test and plan pushes to other branches. Needs the GitHub repository, which must already be connected to Cloud Build (https://console.cloud.google.com/cloud-build/triggers/connect); the bucket that holds the state; and the e-mail address of the account that applies."
  type = object({
    owner           = string
    repository      = string
    service_account = string
    state_bucket    = string
    branch          = optional(string, "main")
  })
  default = null

  validation {
    condition     = var.ci == null || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9.-]+\\.iam\\.gserviceaccount\\.com$", var.ci.service_account))
    error_message = "ci.service_account must be an account's e-mail address, such as deployer@my-project.iam.gserviceaccount.com."
  }
}

variable "dead_letter_days" {
  description = "How long call records that couldn't be written to the database are kept in the log."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 365
    error_message = "dead_letter_days must be from 1 to 365."
  }
}

variable "traces" {
  description = "Whether each call leaves a trace in Cloud Trace: its turns, tools and model sessions, with times but without words. See docs/operations.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "uptime_check" {
  description = "Whether Google checks every 15 minutes, from three regions, that incoming_call is up. Each check may start an instance."
  type        = bool
  default     = false
  nullable    = false
}
