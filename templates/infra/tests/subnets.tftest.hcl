variables {
  name        = "shop"
  environment = "staging"
  cidr_block  = "10.20.0.0/16"
  zones       = ["a", "b"]
}

run "cuts_one_subnet_for_each_tier_and_zone" {
  assert {
    condition     = join(" ", sort(keys(output.subnets))) == "private-a private-b public-a public-b"
    error_message = "There are other subnets than one for each tier and zone."
  }

  assert {
    condition     = output.subnets["private-a"].cidr_block == "10.20.0.0/20" && output.subnets["private-b"].cidr_block == "10.20.16.0/20"
    error_message = "The private subnets are not the first two of length 20."
  }

  assert {
    condition     = join(" ", output.cidr_blocks_by_tier["public"]) == "10.20.32.0/24 10.20.33.0/24"
    error_message = "The public subnets do not follow the private ones."
  }
}

run "names_and_tags" {
  variables {
    tags = { team = "net" }
  }

  assert {
    condition     = output.subnets["public-b"].name == "shop-staging-public-b"
    error_message = "The name is not made of name, environment, tier and zone."
  }

  assert {
    condition     = output.subnets["public-b"].tags["team"] == "net" && output.subnets["public-b"].tags["zone"] == "b"
    error_message = "The caller's tags and the module's own are not both there."
  }
}

run "keeps_subnets_when_a_zone_is_added_last" {
  variables {
    tiers = { only = 4 }
    zones = ["a", "b", "c"]
  }

  assert {
    condition     = join(" ", output.cidr_blocks_by_tier["only"]) == "10.20.0.0/20 10.20.16.0/20 10.20.32.0/20"
    error_message = "The subnets of a and b moved."
  }
}

run "takes_IPv6" {
  variables {
    cidr_block = "fd00:20::/48"
    tiers      = { only = 16 }
  }

  assert {
    condition     = output.subnets["only-b"].cidr_block == "fd00:20:0:1::/64"
    error_message = "An IPv6 network is not divided."
  }
}
