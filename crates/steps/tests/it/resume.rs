//! Starting again what an earlier job stopped.

use domain::ids::JobId;
use domain::plan::StepSpec;
use saga::ErrorKind;

use crate::support::{World, image, is_done, is_running, lasting};

#[tokio::test]
async fn a_service_that_an_earlier_job_stopped_runs_again_as_it_was() {
    let mut world = World::new().await;
    let image = image(&world.engine, &[]).await;
    let before = world.run_by_hand(&world.body(&image, "always")).await;
    world.stop_service().await.run(&world.cx(1)).await.unwrap();
    let (stopped_by, retired) = (world.job, format!("{}.always", world.retired()));
    world.job = JobId::generate();
    let resume = world.bind(&StepSpec::ResumeService { at: world.at.clone(), stopped_by }).await;
    let cx = world.cx(1);
    assert!(!is_done(&resume.probe(&cx).await));

    let output = resume.run(&cx).await.unwrap();
    assert_eq!(resume.run(&cx).await.unwrap(), output);
    assert!(is_done(&resume.probe(&cx).await));
    assert_eq!(lasting(world.container().await.unwrap()), lasting(before.clone()));
    assert_eq!(world.answers().await, 200);

    resume.undo(&cx, Some(output)).await.unwrap();
    resume.undo(&cx, None).await.unwrap();
    assert!(world.container().await.is_none());
    let kept = world.engine.inspect(&retired).await.unwrap().unwrap();
    assert!(!is_running(&kept), "it is kept for the job that stopped it");

    // A worker died after the name and before the start.
    world.engine.rename(&retired, &world.at.container).await.unwrap();
    assert!(!is_done(&resume.probe(&cx).await));
    resume.run(&cx).await.unwrap();
    assert!(is_running(&world.container().await.unwrap()));
}

#[tokio::test]
async fn a_service_that_is_gone_is_told_and_not_missed_by_the_undo() {
    let world = World::new().await;
    let spec = StepSpec::ResumeService { at: world.at.clone(), stopped_by: JobId::generate() };
    let resume = world.bind(&spec).await;
    assert_eq!(resume.run(&world.cx(1)).await.unwrap_err().kind, ErrorKind::WorldChanged);
    resume.undo(&world.cx(1), None).await.unwrap();
}
