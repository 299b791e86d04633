variable "caller_page" {
  description = "Whether agents with photos = true can text callers a link to a page on which they send photos and texts during the call. Needs the tool ask_for_photo, and so TWILIO_API_KEY in enabled_tool_secrets. See docs/photos.md."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.caller_page || contains(keys(var.enabled_tool_secrets), "TWILIO_API_KEY")
    error_message = "caller_page needs a key to text the link: add TWILIO_API_KEY to enabled_tool_secrets, as in docs/tools.md."
  }
}

variable "calls_per_instance" {
  description = "The most calls that one instance of the stream handler carries. If an instance fails, all of them must be taken over: more is cheaper, fewer is safer."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.calls_per_instance >= 1 && var.calls_per_instance <= 250 && floor(var.calls_per_instance) == var.calls_per_instance
    error_message = "calls_per_instance must be a whole number from 1 to 250."
  }
}

variable "console_people" {
  description = "The people who can use the console in a browser, by the e-mail address of their Google account, as editor or viewer: {\"anna@example.com\" = \"editor\"}. Empty: no console. This says who can sign in; their roles are written to settings/people once, and changed there. See docs/console.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for role in values(var.console_people) : contains(["editor", "viewer"], role)])
    error_message = "console_people must make each person an editor or a viewer, such as {\"anna@example.com\" = \"editor\"}."
  }
  validation {
    condition     = alltrue([for email in keys(var.console_people) : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "console_people must name people by the e-mail addresses of their Google accounts, such as anna@example.com."
  }
  validation {
    condition     = length(var.console_people) == 0 || contains(values(var.console_people), "editor")
    error_message = "console_people has no editor to make changes. Make one of them an editor."
  }
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` keeps the database, with all records and agents. To destroy everything, first set it to false and apply."
  type        = bool
  default     = true
  nullable    = false
}

variable "domain_restricted_sharing" {
  description = "Whether your organisation forbids grants to allUsers. If so, incoming_call is a Cloud Run service instead of a function, and it and the stream handler skip IAM's check of invokers; both still check Twilio's signature. Choose before the first apply: a change stops the line for some minutes."
  type        = bool
  default     = false
  nullable    = false
}

variable "enabled_tool_secrets" {
  description = "The tool secrets that you provide, by the names in tool.yaml, each with a version: {AWS_ACCESS_KEY_ID = 1}. Their values go into tool_secrets. Raise the number to store a new value. A tool is deployed when all its secrets are here."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for version in values(var.enabled_tool_secrets) : version >= 1 && floor(version) == version])
    error_message = "enabled_tool_secrets must give each secret a version, a whole number from 1, such as {AWS_ACCESS_KEY_ID = 1}."
  }
  validation {
    condition     = length(setsubtract(keys(var.enabled_tool_secrets), flatten([for tool in local.tool_folders : try(keys(tool.secrets), [])]))) == 0
    error_message = "enabled_tool_secrets names a secret that no tool uses. The names are in functions/tools/*/tool.yaml, under secrets."
  }
  validation {
    condition     = !contains(keys(var.enabled_tool_secrets), "UPLOAD_LINK_SECRET")
    error_message = "enabled_tool_secrets has UPLOAD_LINK_SECRET, which the apply creates. Remove it, and set caller_page = true."
  }
}

variable "fallback_number" {
  description = "The number that callers are connected to if the agent can't answer, such as +14155550100. Null: they hear an apology."
  type        = string
  default     = null

  validation {
    condition     = var.fallback_number == null || can(regex("^\\+[1-9][0-9]{6,14}$", var.fallback_number))
    error_message = "fallback_number must be written like +14155550100: plus, country code, digits only."
  }
}

variable "fallback_url" {
  description = "What Twilio requests if incoming_call can't be reached or answers with an error: TwiML that doesn't depend on this deployment, such as a TwiML Bin, https://handler.twilio.com/twiml/EH…. Null: incoming_call's /fallback."
  type        = string
  default     = null

  validation {
    condition     = var.fallback_url == null || can(regex("^https://[^/?#]+/.+$", var.fallback_url))
    error_message = "fallback_url must be the https:// URL of TwiML, such as https://handler.twilio.com/twiml/EH0123456789abcdef0123456789abcdef."
  }
}

variable "firestore_location" {
  description = "The database's location, such as us-east4, nam5 or eur3. Null: the region. It can't be changed later."
  type        = string
  default     = null
}

variable "gemini_api_key" {
  description = "A key from Google AI Studio (https://aistudio.google.com/apikey). Set TF_VAR_gemini_api_key to it: it goes to Secret Manager, but not into state or plan. With only Vertex AI you don't need one."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = !contains(concat([var.gemini_backend], var.model_endpoints), "developer") || length(coalesce(var.gemini_api_key, "-")) >= 8
    error_message = "The Gemini key is missing. Set TF_VAR_gemini_api_key to a key from https://aistudio.google.com/apikey, or set gemini_backend to \"vertex\" and remove \"developer\" from model_endpoints."
  }
}

variable "gemini_backend" {
  description = "The model's API: developer (Gemini API, with a key) or vertex (Vertex AI, with this project's service accounts and no key)."
  type        = string
  default     = "developer"
  nullable    = false

  validation {
    condition     = contains(["developer", "vertex"], var.gemini_backend)
    error_message = "gemini_backend must be \"developer\" or \"vertex\"."
  }
}

variable "gemini_base_url" {
  description = "Another endpoint of the Gemini API, https://HOST. Null: Google's."
  type        = string
  default     = null

  validation {
    condition     = var.gemini_base_url == null || can(regex("^https://[^/?#]+$", var.gemini_base_url))
    error_message = "gemini_base_url must be https:// and a host, without a path."
  }
}

variable "max_instances" {
  description = "The most instances of the stream handler. Together they carry max_instances × calls_per_instance calls, which also caps their cost."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && var.max_instances >= var.min_instances
    error_message = "max_instances must be at least 1, and not less than min_instances."
  }
}

variable "memory_model" {
  description = "The model that summarises calls for agents with remember_callers. Null: the default in the code."
  type        = string
  default     = null
}

variable "min_instances" {
  description = "Instances of incoming_call and of the stream handler that stay ready for calls. 0: without calls, nothing runs or costs anything, but the first caller waits for a cold start during the notice."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be 0 or more."
  }
}

variable "model_endpoints" {
  description = "Other endpoints of the model, in order: \"developer\" (with a key), or \"vertex:\" and a location. If one refuses, or breaks off twice within a minute, the next is used. gemini_backend sets the first."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.model_endpoints : can(regex("^(developer|vertex:[a-z0-9-]+)$", name))])
    error_message = "model_endpoints must list \"developer\", or \"vertex:\" and a location, such as \"vertex:us-central1\"."
  }
  validation {
    condition     = length(distinct(concat([local.first_endpoint], var.model_endpoints))) == 1 + length(var.model_endpoints)
    error_message = "model_endpoints must name each endpoint once, but not the first one, which gemini_backend and vertex_location set."
  }
}

variable "name" {
  description = "The database's name, and the prefix of all other names. Two environments in one project need different ones."
  type        = string
  default     = "ringdown"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,10}[a-z0-9]$", var.name))
    error_message = "name must have 4 to 12 lowercase letters, digits and hyphens, start with a letter and not end in a hyphen: service accounts can't have longer names."
  }
}

variable "phone_numbers" {
  description = "Your Twilio numbers, each with the agent that answers it at first: {\"+14155550100\" = {agent = \"default\"}}. After that, `ringdown numbers set` changes the agent."
  type        = map(object({ agent = optional(string, "default") }))
  nullable    = false

  validation {
    condition     = length(var.phone_numbers) > 0 && alltrue([for number in keys(var.phone_numbers) : can(regex("^\\+[1-9][0-9]{6,14}$", number))])
    error_message = "phone_numbers must have at least one number, each written like +14155550100: plus, country code, digits only."
  }
  validation {
    condition     = alltrue([for answered in values(var.phone_numbers) : can(regex("^[^/]+$", answered.agent))])
    error_message = "phone_numbers has an invalid agent name. It can't be empty or contain a slash; for example: default."
  }
}

variable "project_id" {
  description = "The Google Cloud project's id. Billing must be on."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the project's id (not its name or number): 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region where everything runs. The default is in Ashburn, Virginia, near Twilio's default media edge (us1), because distance adds delay. For twilio_region ie1 use europe-west1, for au1 australia-southeast1."
  type        = string
  default     = "us-east4"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a Google Cloud region, such as us-east4."
  }
}

variable "secret_versions" {
  description = "Raise a number to store a new value of that secret; new instances replace the old ones and use it. The previous values of twilio_auth_token, stream_token_secret and upload_link_secret are accepted until their number is raised again. twilio_shared_key_secret is used once it has a number."
  type = object({
    gemini_api_key           = optional(number, 1)
    stream_token_secret      = optional(number, 1)
    twilio_auth_token        = optional(number, 1)
    twilio_shared_key_secret = optional(number)
    upload_link_secret       = optional(number, 1)
  })
  default  = {}
  nullable = false
}

variable "stream_handler_image" {
  description = "A stream handler image built elsewhere, by digest: HOST/PATH@sha256:…. Null: `terraform apply` has Cloud Build build it from this folder."
  type        = string
  default     = null

  validation {
    condition     = var.stream_handler_image == null || can(regex("@sha256:[0-9a-f]{64}$", var.stream_handler_image))
    error_message = "stream_handler_image must name the image by its digest, HOST/PATH@sha256:…: a tag can be moved."
  }
}

variable "tool_secrets" {
  description = "The values of enabled_tool_secrets. Set TF_VAR_tool_secrets='{\"NAME\":\"value\"}': they go to Secret Manager, but not into state or plan."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.enabled_tool_secrets), keys(var.tool_secrets))) == 0
    error_message = "A secret in enabled_tool_secrets has no value. Set TF_VAR_tool_secrets to JSON that has them all: {\"NAME\":\"value\"}."
  }
}

variable "tool_settings" {
  description = "Tool settings that override the defaults in tool.yaml, by tool: {search_knowledge_base = {NAME = \"value\"}}."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for tool, settings in var.tool_settings : [
        for setting in keys(settings) : can(local.tool_folders[tool].settings[setting])
      ]
    ]))
    error_message = "tool_settings names an unknown tool or setting. Both are in functions/tools/*/tool.yaml, the latter under settings."
  }
}

variable "twilio_account_sid" {
  description = "Your Twilio account SID, from the console's first page: AC followed by 32 letters and digits. It isn't secret."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^AC[0-9a-f]{32}$", var.twilio_account_sid))
    error_message = "twilio_account_sid must be AC followed by 32 of 0-9 and a-f, as on the first page of https://console.twilio.com."
  }
}

variable "twilio_auth_token" {
  description = "The auth token from the first page of https://console.twilio.com, for the region in twilio_region. Set TF_VAR_twilio_auth_token to it, or paste it when asked: it goes to Secret Manager, but not into state or plan."
  type        = string
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(var.twilio_auth_token) >= 16
    error_message = "twilio_auth_token is too short. Copy it from the first page of https://console.twilio.com."
  }
}

variable "twilio_region" {
  description = "The Twilio region that processes your numbers' calls: us1, ie1 or au1. Each has its own auth token."
  type        = string
  default     = "us1"
  nullable    = false

  validation {
    condition     = contains(keys(local.twilio_domains), var.twilio_region)
    error_message = "twilio_region must be one of ${join(", ", keys(local.twilio_domains))}."
  }
}

variable "twilio_shared_key_secret" {
  description = "For accounts whose webhooks Twilio signs with a shared key instead of the auth token. Set TF_VAR_twilio_shared_key_secret to it, and secret_versions.twilio_shared_key_secret to 1."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.secret_versions.twilio_shared_key_secret == null || length(coalesce(var.twilio_shared_key_secret, "-")) >= 16
    error_message = "secret_versions.twilio_shared_key_secret is set, but the key is missing. Set TF_VAR_twilio_shared_key_secret to it."
  }
}

variable "vertex_location" {
  description = "The Vertex AI location of the model, if gemini_backend is \"vertex\"."
  type        = string
  default     = "us-central1"
  nullable    = false
}
