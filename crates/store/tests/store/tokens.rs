//! API tokens.

use backout_store::Error;
use chrono::{TimeDelta, Utc};
use domain::ids::TokenId;
use domain::view::NewToken;

use crate::support::{ACTOR, Shop, cursor};

fn new(name: &str) -> NewToken {
    NewToken { name: name.into(), permissions: vec!["rollback.request".into(), "read".into()], expires_at: None }
}

#[tokio::test]
async fn a_token_is_found_by_its_secret_only() {
    let (shop, id) = (Shop::open().await, TokenId::generate());
    assert!(!shop.database.has_tokens().await.unwrap());
    let view = shop.database.insert_token(ACTOR, id, &new("ci"), "bko_12", &[1; 32]).await.unwrap();
    assert_eq!((view.id, view.name.as_str(), view.prefix.as_str()), (id, "ci", "bko_12"));
    assert_eq!((view.expires_at, view.last_used_at), (None, None));
    let found = shop.database.token_by_secret(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.id, found.name.as_str(), found.permissions), (id, "ci", new("ci").permissions));
    assert!(shop.database.token_by_secret(&[2; 32]).await.unwrap().is_none());
    assert!(shop.database.has_tokens().await.unwrap());
}

#[tokio::test]
async fn a_token_is_found_until_it_expires() {
    let shop = Shop::open().await;
    let lasting = |delta| NewToken { expires_at: Some(Utc::now() + delta), ..new("ci") };
    let (soon, past) = (lasting(TimeDelta::hours(1)), lasting(TimeDelta::seconds(-1)));
    let view = shop.database.insert_token(ACTOR, TokenId::generate(), &soon, "a", &[1; 32]).await.unwrap();
    assert_eq!(view.expires_at.unwrap().timestamp_micros(), soon.expires_at.unwrap().timestamp_micros());
    shop.database.insert_token(ACTOR, TokenId::generate(), &past, "b", &[2; 32]).await.unwrap();
    assert!(shop.database.token_by_secret(&[1; 32]).await.unwrap().is_some());
    assert!(shop.database.token_by_secret(&[2; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_revoked_token_is_neither_found_nor_listed_nor_revoked_again() {
    let shop = Shop::open().await;
    let (kept, gone) = (TokenId::generate(), TokenId::generate());
    shop.database.insert_token(ACTOR, kept, &new("kept"), "a", &[1; 32]).await.unwrap();
    shop.database.insert_token(ACTOR, gone, &new("gone"), "b", &[2; 32]).await.unwrap();
    shop.database.revoke_token(ACTOR, gone).await.unwrap();
    assert!(shop.database.token_by_secret(&[2; 32]).await.unwrap().is_none());
    let listed = shop.database.tokens(&cursor(None, 10)).await.unwrap();
    assert_eq!(listed.items.iter().map(|token| token.id).collect::<Vec<_>>(), [kept]);
    assert!(matches!(shop.database.revoke_token(ACTOR, gone).await, Err(Error::Missing("token"))));
    shop.database.revoke_token(ACTOR, kept).await.unwrap();
    assert!(shop.database.has_tokens().await.unwrap(), "one was made once");
}

#[tokio::test]
async fn the_use_of_a_token_is_noted() {
    let (shop, id) = (Shop::open().await, TokenId::generate());
    shop.database.insert_token(ACTOR, id, &new("ci"), "a", &[1; 32]).await.unwrap();
    shop.database.touch_token(id).await.unwrap();
    let used = shop.database.token_by_secret(&[1; 32]).await.unwrap().unwrap().last_used_at.unwrap();
    assert!((Utc::now() - used).num_seconds().abs() < 60, "times are UTC: {used}");
}

#[tokio::test]
async fn the_same_secret_cannot_be_stored_twice() {
    let shop = Shop::open().await;
    shop.database.insert_token(ACTOR, TokenId::generate(), &new("a"), "a", &[1; 32]).await.unwrap();
    let taken = shop.database.insert_token(ACTOR, TokenId::generate(), &new("b"), "b", &[1; 32]).await.unwrap_err();
    assert!(taken.is_taken("tokens_secret"), "{taken}");
}
