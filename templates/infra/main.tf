locals {
  # One subnet for each tier and zone, in an order that does not depend on the caller's.
  places = flatten([
    for tier in sort(keys(var.tiers)) : [
      for zone in var.zones : { tier = tier, zone = zone, bits = var.tiers[tier] }
    ]
  ])

  blocks = cidrsubnets(var.cidr_block, local.places[*].bits...)

  subnets = {
    for i, place in local.places : "${place.tier}-${place.zone}" => {
      name       = "${var.name}-${var.environment}-${place.tier}-${place.zone}"
      tier       = place.tier
      zone       = place.zone
      cidr_block = local.blocks[i]
      tags = merge(var.tags, {
        name        = "${var.name}-${var.environment}-${place.tier}-${place.zone}"
        environment = var.environment
        tier        = place.tier
        zone        = place.zone
      })
    }
  }

  # How much of the network the subnets take, from 0 to 1.
  used = sum([for place in local.places : pow(2, -place.bits)])
}

# The plan is kept in the state, so that a change of it shows in `plan` before
# anything is built on it. A change of the whole block replaces it.
resource "terraform_data" "plan" {
  input            = local.subnets
  triggers_replace = [var.cidr_block]
}

check "room" {
  assert {
    condition     = local.used <= 0.75
    error_message = "More than three quarters of the network are taken; there is little room for another tier or zone."
  }
}
