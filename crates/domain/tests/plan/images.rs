//! Which image counts as the one that the release was registered with.

use backout_domain::finding::Code;
use backout_domain::plan::build;

use crate::support::{blockers, facts, image_id};

#[test]
fn an_image_with_another_digest_than_was_registered_blocks() {
    let mut facts = facts(Some("v0.8.2"), "v0.8.1");
    let id = image_id(&facts.images[0].reference);
    facts.images[0].digest = Some("sha256:registered".into());
    assert_eq!(blockers(&build(&facts)), [Code::ImageChanged]);
    facts.images[0].repo_digests = vec!["elsewhere/cms@sha256:other".into()];
    assert_eq!(blockers(&build(&facts)), [Code::ImageChanged]);
    facts.images[0].repo_digests.push("registry:5000/cms@sha256:registered".into());
    assert!(build(&facts).is_runnable(), "the digest that a registry knows it under");
    facts.images[0].digest = Some(id);
    assert!(build(&facts).is_runnable(), "the image's id");
}
