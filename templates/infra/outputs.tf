output "subnets" {
  description = "The subnets by tier and zone (\"private-a\"): name, tier, zone, cidr_block and tags."
  value       = terraform_data.plan.output
}

output "cidr_blocks_by_tier" {
  description = "The address blocks of each tier, for firewall rules."
  value = {
    for tier in keys(var.tiers) : tier => [
      for zone in var.zones : local.subnets["${tier}-${zone}"].cidr_block
    ]
  }
}

output "used" {
  description = "How much of the network the subnets take, from 0 to 1."
  value       = local.used
}
