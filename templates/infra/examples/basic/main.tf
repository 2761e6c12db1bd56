module "network" {
  source = "../.."

  name        = "shop"
  environment = "development"
  cidr_block  = "10.20.0.0/16"
  zones       = ["a", "b", "c"]
}

output "subnets" {
  value = module.network.subnets
}
