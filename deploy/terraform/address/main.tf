# Allocates the dedicated IPv4 address of the app at Fly.io. Optional: `fly ips allocate-v4` does the
# same. Fly.io publishes no Terraform provider; this one is from its community.

terraform {
  required_version = ">= 1.11"
  required_providers {
    fly = {
      source  = "stategraph/fly"
      version = "~> 0.1"
    }
  }
}

variable "app" {
  description = "The name of the app, as in fly.toml. The token is taken from FLY_API_TOKEN."
  type        = string
}

# v4 is a dedicated address. A shared one (shared_v4) carries no UDP.
resource "fly_ip_address" "boot" {
  app  = var.app
  type = "v4"

  lifecycle {
    # Every DHCP server that names this address would have to be changed.
    prevent_destroy = true
  }
}

output "address" {
  value = fly_ip_address.boot.address
}
