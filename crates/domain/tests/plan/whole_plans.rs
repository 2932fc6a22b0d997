//! Whole plans, to be read by a person when they change.

use backout_domain::plan::build;

use crate::support::facts;

#[test]
fn first_deployment() {
    insta::assert_yaml_snapshot!(build(&facts(None, "v0.8.0")));
}

#[test]
fn migrations_that_the_old_version_bears_run_while_it_serves() {
    insta::assert_yaml_snapshot!(build(&facts(Some("v0.8.0"), "v0.8.1")));
}

#[test]
fn migrations_that_the_old_version_does_not_bear_run_in_a_window() {
    insta::assert_yaml_snapshot!(build(&facts(Some("v0.8.1"), "v0.8.2")));
}

#[test]
fn rollback_takes_the_migrations_back_in_a_window() {
    insta::assert_yaml_snapshot!(build(&facts(Some("v0.8.2"), "v0.8.1")));
}

#[test]
fn rollback_keeps_a_schema_that_the_target_runs_on() {
    insta::assert_yaml_snapshot!(build(&facts(Some("v0.8.2"), "v0.8.0")));
}
