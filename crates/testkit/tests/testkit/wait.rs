use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::eventually;

#[tokio::test]
async fn a_condition_hands_out_its_value_once_it_holds() -> Result<()> {
    let mut looks = 0;
    let value = eventually(Duration::from_secs(5), || {
        looks += 1;
        let look = looks;
        async move { (look == 3).then_some(look) }
    });
    assert_eq!(value.await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_condition_that_hangs_ends_at_the_deadline() {
    let begin = Instant::now();
    let result = eventually(Duration::from_millis(60), pending::<bool>).await;
    assert!(result.is_err());
    assert!(begin.elapsed() < Duration::from_secs(5));
}
