//! What the planner decides, from facts alone: whole plans, one fact for every finding, and what holds for all plans.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

mod support;

#[path = "plan/containers.rs"]
mod containers;
#[path = "plan/findings.rs"]
mod findings;
#[path = "plan/images.rs"]
mod images;
#[path = "plan/maintenance.rs"]
mod maintenance;
#[path = "plan/migrating.rs"]
mod migrating;
#[path = "plan/properties.rs"]
mod properties;
#[path = "plan/schema.rs"]
mod schema;
#[path = "plan/whole_plans.rs"]
mod whole_plans;
