# The role with which the tool search_knowledge_base reads one Bedrock knowledge base without a key: it shows AWS the
# identity that Google gives its function. This is a separate root module, applied with AWS credentials:
# `terraform -chdir=terraform/aws apply`. docs/tools.md says what to do with its outputs.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "account_unique_id" {
  description = "The unique id of the tool's Google account: search_knowledge_base in `terraform output -json tool_account_ids`."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{15,30}$", var.account_unique_id))
    error_message = "account_unique_id must be the unique id of the tool's account, a number: terraform -chdir=terraform output tool_account_ids."
  }
}

variable "knowledge_base_id" {
  description = "The knowledge base's id in Bedrock: ten capital letters and digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-Z]{10}$", var.knowledge_base_id))
    error_message = "knowledge_base_id must be ten capital letters and digits, as in the Bedrock console."
  }
}

variable "region" {
  description = "The region of the knowledge base."
  type        = string
  default     = "us-east-1"
}

variable "role_name" {
  description = "The role's name."
  type        = string
  default     = "ringdown-knowledge-base"
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  knowledge_base = "arn:${data.aws_partition.this.partition}:bedrock:${var.region}:${data.aws_caller_identity.this.account_id}:knowledge-base/${var.knowledge_base_id}"
}

# AWS trusts accounts.google.com by itself, so no identity provider is needed. `aud` is the requesting account (the token's azp),
# `oaud` the token's audience, and `sub` the account again.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = [var.account_unique_id]
    }
    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = [var.account_unique_id]
    }
  }
}

data "aws_iam_policy_document" "retrieve" {
  statement {
    actions   = ["bedrock:Retrieve"]
    resources = [local.knowledge_base]
  }
}

resource "aws_iam_role" "knowledge_base" {
  name                 = var.role_name
  description          = "Ringdown's tool search_knowledge_base: retrieves from one knowledge base"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "retrieve" {
  name   = "retrieve"
  role   = aws_iam_role.knowledge_base.name
  policy = data.aws_iam_policy_document.retrieve.json
}

output "tool_settings" {
  description = "The value for the deployment's variable tool_settings."
  value = {
    search_knowledge_base = {
      AWS_REGION        = var.region
      AWS_ROLE_ARN      = aws_iam_role.knowledge_base.arn
      KNOWLEDGE_BASE_ID = var.knowledge_base_id
    }
  }
}
