//! Removing what was kept.

use domain::plan::StepSpec;

use crate::support::{World, image, is_done};

#[tokio::test]
async fn a_retired_container_is_removed_and_its_image_stays() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&image, "always")).await;
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    let finish = world.bind(&StepSpec::Finish { retired: vec![world.at.clone()] }).await;
    let cx = world.cx(6);
    assert!(!is_done(&finish.probe(&cx).await));

    let output = finish.run(&cx).await.unwrap();
    assert_eq!(output["removed"][0], "web@local");
    assert_eq!(finish.run(&cx).await.unwrap(), output);
    assert!(is_done(&finish.probe(&cx).await));
    let retired = format!("{}.always", world.retired());
    assert!(world.engine.inspect(&retired).await.unwrap().is_none());
    assert!(world.engine.inspect_image(&image.tag).await.unwrap().is_some());
}

#[tokio::test]
async fn a_retired_container_that_runs_again_is_not_removed() {
    let world = World::new().await;
    let image = image(&world.engine, &[]).await;
    world.run_by_hand(&world.body(&image, "no")).await;
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    world.engine.start(&world.retired()).await.unwrap();

    let finish = world.bind(&StepSpec::Finish { retired: vec![world.at.clone()] }).await;
    let error = finish.run(&world.cx(6)).await.unwrap_err();
    assert!(error.message.to_string().contains(&world.retired()), "{error}");
    assert!(world.engine.inspect(&world.retired()).await.unwrap().is_some());
}
