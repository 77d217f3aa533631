# The DNS records of the boot server: its A record and, for HTTPS under its own name, the record that
# proves to the certificate authority who owns the name. README.md explains why there is no AAAA
# record.

terraform {
  required_version = ">= 1.5"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.0"
    }
  }
}

variable "cloudflare_zone_id" {
  description = "The zone's id at Cloudflare. The token is taken from CLOUDFLARE_API_TOKEN."
  type        = string
}

variable "zone" {
  description = "The zone, as in example.com"
  type        = string
}

variable "name" {
  description = "The name in the zone"
  type        = string
  default     = "boot"
}

variable "address" {
  description = "The app's dedicated IPv4 address, as `fly ips list` shows it"
  type        = string

  validation {
    condition     = can(cidrnetmask("${var.address}/32"))
    error_message = "This is not an IPv4 address. IPv6 does not work here: Fly.io carries no UDP over it."
  }
}

variable "acme_challenge" {
  description = "The target of the CNAME record that `fly certs add NAME.ZONE` asks for; empty for none"
  type        = string
  default     = ""
}

resource "cloudflare_dns_record" "boot" {
  zone_id = var.cloudflare_zone_id
  name    = "${var.name}.${var.zone}"
  type    = "A"
  content = var.address
  ttl     = 300
  proxied = false
}

# Fly.io obtains and renews the certificate by this record.
resource "cloudflare_dns_record" "acme_challenge" {
  count = var.acme_challenge == "" ? 0 : 1

  zone_id = var.cloudflare_zone_id
  name    = "_acme-challenge.${var.name}.${var.zone}"
  type    = "CNAME"
  content = var.acme_challenge
  ttl     = 300
  proxied = false
}

output "boot_server" {
  value = "tftp://${var.name}.${var.zone}/"
}
