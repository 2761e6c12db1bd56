variables {
  name        = "shop"
  environment = "staging"
  cidr_block  = "10.20.0.0/16"
  zones       = ["a", "b"]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Shop"
  }
  expect_failures = [var.name]
}

run "refuses_an_unknown_environment" {
  command = plan
  variables {
    environment = "test"
  }
  expect_failures = [var.environment]
}

run "refuses_a_block_that_begins_in_the_midst" {
  command = plan
  variables {
    cidr_block = "10.20.0.1/16"
  }
  expect_failures = [var.cidr_block]
}

run "refuses_no_zone" {
  command = plan
  variables {
    zones = []
  }
  expect_failures = [var.zones]
}

run "refuses_a_zone_twice" {
  command = plan
  variables {
    zones = ["a", "a"]
  }
  expect_failures = [var.zones]
}

run "refuses_half_a_bit" {
  command = plan
  variables {
    tiers = { only = 1.5 }
  }
  expect_failures = [var.tiers]
}

run "refuses_the_modules_own_tags" {
  command = plan
  variables {
    tags = { zone = "z" }
  }
  expect_failures = [var.tags]
}

run "refuses_a_tier_with_a_hyphen" {
  command = plan
  variables {
    tiers = { a-b = 4 }
  }
  expect_failures = [var.tiers]
}

run "warns_of_a_network_that_is_nearly_full" {
  command = plan
  variables {
    tiers = { only = 1 }
  }
  expect_failures = [check.room]
}
