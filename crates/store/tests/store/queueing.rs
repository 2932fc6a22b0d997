//! Accepting, claiming, giving back and cancelling jobs.

use std::collections::HashSet;
use std::sync::Arc;

use backout_store::{Database, DeploymentQuery, Enqueue, Error};
use domain::deployment::{DeploymentKind, DeploymentResult};
use domain::ids::{DeploymentId, EnvironmentId, JobId, WorkerId};
use domain::job::{JobEvent, JobState};
use domain::step::{StepEvent, StepState};
use saga::Journal;

use crate::support::{ACTOR, APPLICATION, ENVIRONMENT, Shop, cursor, fresh_url, new_job, plan, settings, two_steps};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_callers_at_once_exactly_one_is_accepted() {
    let shop = Arc::new(Shop::open().await);
    let plan = Arc::new(shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await);
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let (shop, plan) = (Arc::clone(&shop), Arc::clone(&plan));
            tokio::spawn(async move {
                let new = new_job(shop.environment, &plan);
                (new.job, shop.database.enqueue(&new).await.unwrap())
            })
        })
        .collect();
    let mut accepted = Vec::new();
    let mut holders = HashSet::new();
    for caller in callers {
        match caller.await.unwrap() {
            (job, Enqueue::Accepted) => accepted.push(job),
            (_, Enqueue::Locked(holder)) => {
                holders.insert(holder);
            }
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted.len(), 1);
    assert_eq!(holders, accepted.iter().copied().collect());
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs").await, 1);
    assert_eq!(shop.count("SELECT COUNT(*) FROM deployments").await, 1);
    let environment = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    assert_eq!(environment.active_job, Some(accepted[0]));
}

#[tokio::test]
async fn an_accepted_job_is_whole() {
    let shop = Shop::open().await;
    let id = shop.queued().await;
    let job = shop.database.job_view(id).await.unwrap();
    assert_eq!((job.state, job.kind, job.last_event), (JobState::Queued, DeploymentKind::Deploy, 1));
    assert_eq!((job.application.as_str(), job.environment.as_str()), (APPLICATION, ENVIRONMENT));
    assert_eq!((job.actor.as_str(), job.reason.as_str()), (ACTOR, "because"));
    assert_eq!((job.from, job.to.to_string()), (None, "v1.0.0".to_owned()));
    assert_eq!((job.started_at, job.ended_at, job.error, job.measurements), (None, None, None, None));
    let steps: Vec<_> =
        job.steps.iter().map(|step| (step.id, step.name.as_str(), step.subject.as_str(), step.state)).collect();
    assert_eq!(steps, [(0, "preflight", "", StepState::Pending), (1, "flush_cache", "cache", StepState::Pending)]);
    assert_eq!(job.plan.unwrap().steps.len(), 2);
    let deployments = shop
        .database
        .deployments(shop.environment, &DeploymentQuery::default(), &cursor(None, 10))
        .await
        .unwrap()
        .items;
    assert_eq!((deployments[0].job, deployments[0].result), (id, DeploymentResult::Running));
    assert_eq!(deployments[0].ended_at, None);
    assert_eq!(shop.database.environment_of_job(id).await.unwrap().id, shop.environment);
}

#[tokio::test]
async fn a_plan_from_something_else_than_what_runs_is_refused() {
    let shop = Shop::open().await;
    let to = shop.release("v1.0.0").await;
    let plan = plan(DeploymentKind::Deploy, Some(DeploymentId::generate()), to, two_steps());
    let outcome = shop.database.enqueue(&new_job(shop.environment, &plan)).await.unwrap();
    assert_eq!(outcome, Enqueue::CurrentChanged);
    assert_eq!(shop.count("SELECT COUNT(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn while_a_person_keeps_the_maintenance_page_on_only_its_end_is_accepted() {
    let shop = Shop::open().await;
    let ask = async |kind| {
        let plan = shop.plan(kind, "v1.0.0", two_steps()).await;
        shop.database.enqueue(&new_job(shop.environment, &plan)).await.unwrap()
    };
    let before = shop.change(DeploymentKind::Deploy, "v1.0.0").await;
    assert_eq!(ask(DeploymentKind::MaintenanceOff).await, Enqueue::Open);
    assert_eq!(ask(DeploymentKind::MaintenanceOn).await, Enqueue::Accepted);
    let held = shop.claim().await;
    shop.finish(&held).await;
    let closed = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    assert_eq!((closed.maintenance.as_deref(), closed.maintenance_job), (Some("because"), Some(held.job)));
    assert_eq!(closed.current, Some(before), "what runs stays what it is");

    for kind in [DeploymentKind::Deploy, DeploymentKind::Rollback, DeploymentKind::MaintenanceOn] {
        assert_eq!(ask(kind).await, Enqueue::Closed, "{kind:?}");
    }
    assert_eq!(ask(DeploymentKind::MaintenanceOff).await, Enqueue::Accepted);
    shop.finish(&shop.claim().await).await;
    let open = shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap();
    assert_eq!((open.maintenance, open.maintenance_job, open.current), (None, None, Some(before)));
}

#[tokio::test]
async fn a_job_for_an_environment_that_is_not_there_is_refused() {
    let shop = Shop::open().await;
    let plan = shop.plan(DeploymentKind::Deploy, "v1.0.0", two_steps()).await;
    let outcome = shop.database.enqueue(&new_job(EnvironmentId::generate(), &plan)).await;
    assert!(matches!(outcome, Err(Error::Missing("environment"))), "{outcome:?}");
}

/// As many queued jobs as environments, in the order in which they were accepted.
async fn fill(shop: &Shop, jobs: usize) -> Vec<JobId> {
    let to = shop.release("v1.0.0").await;
    let plan = plan(DeploymentKind::Deploy, None, to, two_steps());
    let mut queued = Vec::new();
    for n in 0..jobs {
        let new = new_job(shop.add_environment(&format!("e{n}")).await, &plan);
        assert_eq!(shop.database.enqueue(&new).await.unwrap(), Enqueue::Accepted);
        queued.push(new.job);
    }
    queued
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_at_once_never_claim_a_job_twice() {
    let shop = Arc::new(Shop::open().await);
    let queued = fill(&shop, 40).await;
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                let (worker, mut mine) = (WorkerId::generate(), Vec::new());
                // An empty answer may only mean that others are claiming the rest at this moment.
                while shop.count("SELECT COUNT(*) FROM job_queue").await > 0 {
                    mine.extend(shop.database.claim(worker, 2).await.unwrap());
                }
                mine
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), queued.len());
    assert!(claimed.iter().all(|held| held.fence == 1));
    assert_eq!(claimed.iter().map(|held| held.job).collect::<HashSet<_>>(), queued.iter().copied().collect());
    for job in queued {
        shop.assert_gapless(job).await;
    }
}

/// A process has one claim under way; here are two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_claim_the_same_short_queue_do_not_lock_each_other_out() {
    let url = fresh_url();
    let shop = Shop::open_at(&url).await;
    let other = Database::open(&settings(url)).await.unwrap();
    let queued = fill(&shop, 60).await;
    let claimers = [shop.database.clone(), other].map(|database| {
        tokio::spawn(async move {
            let (worker, mut claimed) = (WorkerId::generate(), Vec::new());
            loop {
                let some = database.claim(worker, 4).await.unwrap();
                if some.is_empty() {
                    return claimed;
                }
                claimed.extend(some.into_iter().map(|held| held.job));
            }
        })
    });
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    claimed.sort_unstable();
    assert_eq!(claimed, queued);
}

#[tokio::test]
async fn the_oldest_jobs_are_claimed_first_also_one_that_was_given_back_in_the_middle() {
    let shop = Shop::open().await;
    let queued = fill(&shop, 4).await;
    let worker = WorkerId::generate();
    let first = shop.database.claim(worker, 1).await.unwrap();
    assert_eq!(first[0].job, queued[0]);
    shop.database.give_back(&first[0]).await.unwrap();
    let rest: Vec<_> = shop.database.claim(worker, 10).await.unwrap().iter().map(|held| held.job).collect();
    assert_eq!(rest, queued);
    assert!(shop.database.claim(worker, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_claimed_job_runs_and_tells_so() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    let job = shop.database.job_view(held.job).await.unwrap();
    assert_eq!(job.state, JobState::Running);
    assert!(job.started_at.is_some());
    let events = shop.database.events(held.job, 1, 10).await.unwrap();
    assert_eq!((events.len(), events[0].kind.as_str()), (1, "job"));
    assert_eq!((events[0].data["state"].as_str(), events[0].data["fence"].as_u64()), (Some("running"), Some(1)));
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_job_given_back_keeps_its_state_and_the_next_claim_has_a_higher_fence() {
    let shop = Shop::open().await;
    let first = shop.claimed().await;
    shop.step(&first, 0, StepEvent::Start).await;
    shop.job(&first, JobEvent::UnwindBegun).await;
    shop.database.give_back(&first).await.unwrap();
    shop.database.give_back(&first).await.unwrap();
    assert!(shop.database.assert_held(&first).await.is_err());

    let second = shop.claim().await;
    assert_eq!((second.job, second.fence), (first.job, first.fence + 1));
    let record = shop.database.load(&second).await.unwrap();
    assert_eq!((record.state, record.steps[0].state), (JobState::Unwinding, StepState::Started));
    shop.database.give_back(&first).await.unwrap();
    shop.database.assert_held(&second).await.unwrap();
    assert_eq!(shop.count("SELECT COUNT(*) FROM job_queue").await, 0, "a lost claim gives nothing back");
}

#[tokio::test]
async fn a_job_cancelled_in_the_queue_ends_at_once_and_frees_its_environment() {
    let shop = Shop::open().await;
    let id = shop.queued().await;
    assert_eq!(shop.database.cancel(ACTOR, id, "changed my mind").await.unwrap(), JobState::Cancelled);
    let job = shop.database.job_view(id).await.unwrap();
    assert!(job.ended_at.is_some());
    assert_eq!(shop.database.environment(APPLICATION, ENVIRONMENT).await.unwrap().active_job, None);
    let deployments = shop
        .database
        .deployments(shop.environment, &DeploymentQuery::default(), &cursor(None, 10))
        .await
        .unwrap()
        .items;
    assert_eq!(deployments[0].result, DeploymentResult::Failed);
    assert!(shop.database.claim(WorkerId::generate(), 1).await.unwrap().is_empty());
    let again = shop.database.cancel(ACTOR, id, "again").await;
    assert!(matches!(&again, Err(Error::Conflict(why)) if why.to_string().contains("cancelled")), "{again:?}");
    shop.assert_gapless(id).await;
    shop.queued().await;
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    assert!(!shop.database.cancel_requested(&held).await.unwrap());
    assert_eq!(shop.database.cancel(ACTOR, held.job, "").await.unwrap(), JobState::Running);
    assert!(shop.database.cancel_requested(&held).await.unwrap());
    shop.assert_gapless(held.job).await;
}

#[tokio::test]
async fn a_job_given_back_and_then_cancelled_is_left_to_a_worker_to_unwind() {
    let shop = Shop::open().await;
    let held = shop.claimed().await;
    shop.database.give_back(&held).await.unwrap();
    assert_eq!(shop.database.cancel(ACTOR, held.job, "").await.unwrap(), JobState::Running);
    let next = shop.claim().await;
    assert!(shop.database.cancel_requested(&next).await.unwrap());
}

#[tokio::test]
async fn cancelling_a_job_that_is_not_there_says_so() {
    let shop = Shop::open().await;
    let missing = shop.database.cancel(ACTOR, JobId::generate(), "").await;
    assert!(matches!(missing, Err(Error::Missing("job"))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claiming_and_cancelling_at_once_never_ends_in_a_deadlock() {
    let shop = Arc::new(Shop::open().await);
    let queued = fill(&shop, 60).await;
    let claimer = {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let (worker, mut mine) = (WorkerId::generate(), HashSet::new());
            while shop.count("SELECT COUNT(*) FROM job_queue").await > 0 {
                mine.extend(shop.database.claim(worker, 1).await.unwrap().iter().map(|held| held.job));
            }
            mine
        })
    };
    let mut cancelled = HashSet::new();
    for job in &queued {
        if shop.database.cancel(ACTOR, *job, "").await.unwrap() == JobState::Cancelled {
            cancelled.insert(*job);
        }
    }
    let claimed = claimer.await.unwrap();
    assert!(claimed.is_disjoint(&cancelled));
    assert_eq!(claimed.len() + cancelled.len(), queued.len());
}
