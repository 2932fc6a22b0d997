//! Keys belong to one control database.

use backout_store::{Database, Error, Keyring, Settings};

use crate::support::{fresh_url, settings};

async fn check(settings: &Settings, keys: &str) -> Result<(), Error> {
    let settings = Settings { keys: Keyring::parse(keys).unwrap(), ..settings.clone() };
    let database = Database::open(&settings).await.unwrap();
    let checked = database.check_keys().await;
    database.close().await;
    checked
}

#[tokio::test]
async fn the_keys_of_another_installation_are_refused_and_not_remembered() {
    let settings = settings(fresh_url());
    let (first, other) = (Keyring::generate(), Keyring::generate());
    for _ in 0..2 {
        check(&settings, &first).await.unwrap();
    }
    // The same id with another key, and another id beside it.
    for wrong in [other.clone(), format!("{other}k2:{}", "ab".repeat(32))] {
        let refused = check(&settings, &wrong).await.unwrap_err();
        assert!(matches!(&refused, Error::OtherKeys { id, missing: false } if id == "k1"), "{refused}");
    }
    check(&settings, &first).await.unwrap();
}

#[tokio::test]
async fn a_key_may_be_added_and_is_missed_from_then_on() {
    let settings = settings(fresh_url());
    let first = Keyring::generate();
    check(&settings, &first).await.unwrap();
    check(&settings, &format!("{first}k2:{}", "ab".repeat(32))).await.unwrap();
    let refused = check(&settings, &first).await.unwrap_err();
    assert!(matches!(&refused, Error::OtherKeys { id, missing: true } if id == "k2"), "{refused}");
}

#[tokio::test]
async fn of_two_first_starts_with_different_keys_one_is_refused() {
    let settings = settings(fresh_url());
    Database::open(&settings).await.unwrap();
    let keys = [Keyring::generate(), Keyring::generate()];
    let (one, two) = tokio::join!(check(&settings, &keys[0]), check(&settings, &keys[1]));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}
