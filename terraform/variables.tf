variable "caller_page" {
  description = "Whether agents with photos = true can text callers a link to a page on which they send photos and texts during the call. Needs the tool ask_for_photo, and so TWILIO_API_KEY among enabled_tool_secrets. See docs/photos.md."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.caller_page || contains(keys(var.enabled_tool_secrets), "TWILIO_API_KEY")
    error_message = "caller_page needs a key that sends the link: add TWILIO_API_KEY to enabled_tool_secrets, see docs/tools.md."
  }
}

variable "calls_per_instance" {
  description = "Calls that one instance of the stream handler carries at most. If an instance fails, so many calls must be taken up again: more is cheaper, fewer is safer."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.calls_per_instance >= 1 && var.calls_per_instance <= 250 && floor(var.calls_per_instance) == var.calls_per_instance
    error_message = "calls_per_instance must be a whole number from 1 to 250."
  }
}

variable "console_people" {
  description = "Who may use the console in a browser, by the address of their Google account, as editor or viewer: {\"anna@example.com\" = \"editor\"}. Empty: there is no console. Who comes in is said here; what they may do is written to settings/people once, and changed there. See docs/console.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for role in values(var.console_people) : contains(["editor", "viewer"], role)])
    error_message = "console_people makes each person an editor or a viewer, such as {\"anna@example.com\" = \"editor\"}."
  }
  validation {
    condition     = alltrue([for email in keys(var.console_people) : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "console_people names people by the addresses of their Google accounts, such as anna@example.com."
  }
  validation {
    condition     = length(var.console_people) == 0 || contains(values(var.console_people), "editor")
    error_message = "console_people names no editor, so nobody could change anything. Make one of them an editor."
  }
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` leaves the database, with all records and agents, where it is. Set it to false, and apply, before a destroy that shall take everything."
  type        = bool
  default     = true
  nullable    = false
}

variable "domain_restricted_sharing" {
  description = "Whether your organisation forbids grants to allUsers. Then incoming_call is a Cloud Run service instead of a function, and neither it nor the stream handler asks Google's IAM who invokes it; both check Twilio's signature, as ever. Choose before the first apply: a change stops the line for some minutes."
  type        = bool
  default     = false
  nullable    = false
}

variable "enabled_tool_secrets" {
  description = "The secrets of tools that you give, by the names in their tool.yaml, each with a version: {AWS_ACCESS_KEY_ID = 1}. The values go into tool_secrets. Raise the number to store a new value. A tool is deployed when all its secrets are here."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for version in values(var.enabled_tool_secrets) : version >= 1 && floor(version) == version])
    error_message = "enabled_tool_secrets gives each secret a version: a whole number from 1 on, such as {AWS_ACCESS_KEY_ID = 1}."
  }
  validation {
    condition     = length(setsubtract(keys(var.enabled_tool_secrets), flatten([for tool in local.tool_folders : try(keys(tool.secrets), [])]))) == 0
    error_message = "enabled_tool_secrets names a secret that no tool asks for. The names are in functions/tools/*/tool.yaml, under secrets."
  }
  validation {
    condition     = !contains(keys(var.enabled_tool_secrets), "UPLOAD_LINK_SECRET")
    error_message = "enabled_tool_secrets has UPLOAD_LINK_SECRET, which is made while applying. Take it out, and set caller_page = true."
  }
}

variable "fallback_number" {
  description = "Where callers are sent when the agent cannot answer, such as +14155550100. Null: they hear an apology."
  type        = string
  default     = null

  validation {
    condition     = var.fallback_number == null || can(regex("^\\+[1-9][0-9]{6,14}$", var.fallback_number))
    error_message = "fallback_number must be written like +14155550100: plus, country code, digits only."
  }
}

variable "fallback_url" {
  description = "What Twilio asks when incoming_call cannot be reached or answers with an error: TwiML that needs nothing of this deployment, such as a TwiML Bin, https://handler.twilio.com/twiml/EH…. Null: incoming_call's own /fallback."
  type        = string
  default     = null

  validation {
    condition     = var.fallback_url == null || can(regex("^https://[^/?#]+/.+$", var.fallback_url))
    error_message = "fallback_url must be the https:// address of TwiML, such as https://handler.twilio.com/twiml/EH0123456789abcdef0123456789abcdef."
  }
}

variable "firestore_location" {
  description = "Where the database is, such as us-east4, nam5 or eur3. Null: in the region. It cannot be changed later."
  type        = string
  default     = null
}

variable "gemini_api_key" {
  description = "A key from Google AI Studio (https://aistudio.google.com/apikey). Give it as TF_VAR_gemini_api_key: it reaches Secret Manager and neither state nor plan. With Vertex AI alone none is needed."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = !contains(concat([var.gemini_backend], var.model_endpoints), "developer") || length(coalesce(var.gemini_api_key, "-")) >= 8
    error_message = "No Gemini key is given. Set TF_VAR_gemini_api_key to a key from https://aistudio.google.com/apikey, or gemini_backend to \"vertex\" and no \"developer\" in model_endpoints."
  }
}

variable "gemini_backend" {
  description = "Where the model is: developer (Gemini API, with a key) or vertex (Vertex AI, with the service accounts of this project and no key)."
  type        = string
  default     = "developer"
  nullable    = false

  validation {
    condition     = contains(["developer", "vertex"], var.gemini_backend)
    error_message = "gemini_backend must be \"developer\" or \"vertex\"."
  }
}

variable "gemini_base_url" {
  description = "Another endpoint of the Gemini API, https://HOST. Null: Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.gemini_base_url == null || can(regex("^https://[^/?#]+$", var.gemini_base_url))
    error_message = "gemini_base_url must be https:// and a host, without a path."
  }
}

variable "max_instances" {
  description = "Instances of the stream handler at most: together they carry max_instances × calls_per_instance calls, and cost no more than that."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && var.max_instances >= var.min_instances
    error_message = "max_instances must be at least 1, and not less than min_instances."
  }
}

variable "memory_model" {
  description = "The model that summarises calls for agents with remember_callers. Null: the one in the code."
  type        = string
  default     = null
}

variable "min_instances" {
  description = "Instances of incoming_call and of the stream handler that wait for calls. 0: nothing runs, or costs, while nobody calls; the first caller waits for a cold start behind the notice."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be 0 or more."
  }
}

variable "model_endpoints" {
  description = "Further endpoints of the model, in order: \"developer\" (with a key), or \"vertex:\" and a location. The next is dialled when one refuses, or breaks off twice within a minute; the first is that of gemini_backend."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.model_endpoints : can(regex("^(developer|vertex:[a-z0-9-]+)$", name))])
    error_message = "model_endpoints must list \"developer\", or \"vertex:\" and a location, such as \"vertex:us-central1\"."
  }
  validation {
    condition     = length(distinct(concat([local.first_endpoint], var.model_endpoints))) == 1 + length(var.model_endpoints)
    error_message = "model_endpoints must name each endpoint once, and not the first, which follows from gemini_backend and vertex_location."
  }
}

variable "name" {
  description = "Begins the name of everything that is made, and is the database's name. Two environments in one project differ in it."
  type        = string
  default     = "ringdown"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,10}[a-z0-9]$", var.name))
    error_message = "name must have 4 to 12 small letters, digits and hyphens, begin with a letter and not end in a hyphen: longer names do not fit into service accounts."
  }
}

variable "phone_numbers" {
  description = "Your Twilio numbers, and the agent that answers each at first: {\"+14155550100\" = {agent = \"default\"}}. From then on `ringdown numbers set` says who answers."
  type        = map(object({ agent = optional(string, "default") }))
  nullable    = false

  validation {
    condition     = length(var.phone_numbers) > 0 && alltrue([for number in keys(var.phone_numbers) : can(regex("^\\+[1-9][0-9]{6,14}$", number))])
    error_message = "phone_numbers must have at least one number, each written like +14155550100: plus, country code, digits only."
  }
  validation {
    condition     = alltrue([for answered in values(var.phone_numbers) : can(regex("^[^/]+$", answered.agent))])
    error_message = "phone_numbers has an agent that can't be one. Give its name, such as default."
  }
}

variable "project_id" {
  description = "The Google Cloud project, by its id. Billing must be on."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the project's id (not its name or number): 6 to 30 small letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where everything runs. The default is in Ashburn, Virginia, beside Twilio's default media edge (us1): each kilometre between them is heard as delay. With twilio_region ie1 take europe-west1, with au1 australia-southeast1."
  type        = string
  default     = "us-east4"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region of Google Cloud, such as us-east4."
  }
}

variable "secret_versions" {
  description = "Raise a number to store a new value of that secret; instances are replaced and use it. What twilio_auth_token, stream_token_secret and upload_link_secret were before is accepted until their number is raised again. twilio_shared_key_secret is used from the moment it has a number."
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
  description = "An image of the stream handler that was built elsewhere, by its digest: HOST/PATH@sha256:…. Null: `terraform apply` has Cloud Build build it from this folder."
  type        = string
  default     = null

  validation {
    condition     = var.stream_handler_image == null || can(regex("@sha256:[0-9a-f]{64}$", var.stream_handler_image))
    error_message = "stream_handler_image must name the image by its digest, HOST/PATH@sha256:…: a tag can be moved."
  }
}

variable "tool_secrets" {
  description = "The values of enabled_tool_secrets. Give them as TF_VAR_tool_secrets='{\"NAME\":\"value\"}': they reach Secret Manager and neither state nor plan."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.enabled_tool_secrets), keys(var.tool_secrets))) == 0
    error_message = "A secret is in enabled_tool_secrets and has no value. Set TF_VAR_tool_secrets to JSON with all of them: {\"NAME\":\"value\"}."
  }
}

variable "tool_settings" {
  description = "Settings of tools that differ from the defaults in their tool.yaml, by tool: {search_knowledge_base = {NAME = \"value\"}}."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for tool, settings in var.tool_settings : [
        for setting in keys(settings) : can(local.tool_folders[tool].settings[setting])
      ]
    ]))
    error_message = "tool_settings names a tool or a setting that there is not. Both are in functions/tools/*/tool.yaml, the latter under settings."
  }
}

variable "twilio_account_sid" {
  description = "Your Twilio account, from the console's first page: AC and 32 letters and digits. It is no secret."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^AC[0-9a-f]{32}$", var.twilio_account_sid))
    error_message = "twilio_account_sid must be AC followed by 32 of 0-9 and a-f, as on the first page of https://console.twilio.com."
  }
}

variable "twilio_auth_token" {
  description = "The auth token from the first page of https://console.twilio.com, of the region in twilio_region. Give it as TF_VAR_twilio_auth_token, or paste it when asked: it reaches Secret Manager and neither state nor plan."
  type        = string
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(var.twilio_auth_token) >= 16
    error_message = "twilio_auth_token is too short to be one. Copy it from the first page of https://console.twilio.com."
  }
}

variable "twilio_region" {
  description = "The region of Twilio's that processes your numbers' calls: us1, ie1 or au1. Each has its own auth token."
  type        = string
  default     = "us1"
  nullable    = false

  validation {
    condition     = contains(keys(local.twilio_domains), var.twilio_region)
    error_message = "twilio_region must be one of ${join(", ", keys(local.twilio_domains))}."
  }
}

variable "twilio_shared_key_secret" {
  description = "For accounts whose webhooks Twilio signs with a shared key instead of the auth token. Give it as TF_VAR_twilio_shared_key_secret, and secret_versions.twilio_shared_key_secret = 1."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.secret_versions.twilio_shared_key_secret == null || length(coalesce(var.twilio_shared_key_secret, "-")) >= 16
    error_message = "secret_versions.twilio_shared_key_secret is set, and no key is given. Set TF_VAR_twilio_shared_key_secret to it."
  }
}

variable "vertex_location" {
  description = "Where Vertex AI serves the model, if gemini_backend is \"vertex\"."
  type        = string
  default     = "us-central1"
  nullable    = false
}
