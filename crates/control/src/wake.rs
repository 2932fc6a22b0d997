//! Waking: whoever waits for work or for news hears of it at once in the same process, and through Redis
//! in others. A lost wake-up costs a polling interval and nothing else.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::JobId;
use futures::StreamExt;
use secrecy::SecretString;
use tokio::sync::{Notify, broadcast, mpsc};

const CHANNEL: &str = "backout:wake";
const QUEUE: &[u8] = b"queue";
/// Wake-ups that a slow listener may fall behind; it then looks at the truth anyway.
const BACKLOG: usize = 1024;
const CONNECT_AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct Wake {
    queue: Arc<Notify>,
    /// Only within the process: nobody waits for a rehearsal, and others poll.
    rehearsals: Notify,
    jobs: broadcast::Sender<JobId>,
    others: Option<mpsc::Sender<Vec<u8>>>,
}

impl Wake {
    /// Needs a runtime to spawn on. A Redis that is not there yet keeps nobody from starting.
    pub(crate) fn new(redis: Option<&SecretString>) -> Self {
        let queue = Arc::new(Notify::new());
        let (jobs, _) = broadcast::channel(BACKLOG);
        let others = redis.map(|url| {
            let (sender, messages) = mpsc::channel(BACKLOG);
            let (url, queue, jobs) = (url.clone(), Arc::clone(&queue), jobs.clone());
            tokio::spawn(async move {
                let redis = connect(&url).await;
                tokio::join!(listen(redis.subscribe(CHANNEL), queue, jobs), tell(redis, messages));
            });
            sender
        });
        Self { queue, rehearsals: Notify::new(), jobs, others }
    }

    /// A job waits for a worker.
    pub(crate) fn queued(&self) {
        self.queue.notify_one();
        self.tell_others(QUEUE);
    }

    /// A rehearsal waits for a worker.
    pub(crate) fn rehearsal(&self) {
        self.rehearsals.notify_one();
    }

    /// Returns when a rehearsal may be waiting, or after the polling interval.
    pub(crate) async fn wait_for_rehearsal(&self, poll: Duration) {
        let _ = tokio::time::timeout(poll, self.rehearsals.notified()).await;
    }

    /// A job has news.
    pub(crate) fn job(&self, job: JobId) {
        // No receiver is no error: nobody watches.
        let _ = self.jobs.send(job);
        self.tell_others(job.to_string().as_bytes());
    }

    /// Returns when a job may be waiting, or after the polling interval.
    pub(crate) async fn wait_for_queue(&self, poll: Duration) {
        let _ = tokio::time::timeout(poll, self.queue.notified()).await;
    }

    /// Register interest *before* looking at the table, then wait on the receiver.
    pub(crate) fn watch_jobs(&self) -> broadcast::Receiver<JobId> {
        self.jobs.subscribe()
    }

    /// Never waits: a wake-up that finds the backlog full is lost, and the others poll.
    fn tell_others(&self, message: &[u8]) {
        if let Some(others) = &self.others {
            let _ = others.try_send(message.to_vec());
        }
    }
}

/// Waits for news of one job until the deadline.
pub(crate) async fn news_of(receiver: &mut broadcast::Receiver<JobId>, job: JobId, at_most: Duration) {
    let news = async {
        loop {
            match receiver.recv().await {
                Ok(news) if news != job => {}
                // Lagged or closed: the table knows.
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(at_most, news).await;
}

async fn connect(url: &SecretString) -> driver_redis::Target {
    loop {
        match driver_redis::Target::connect(url).await {
            Ok(redis) => return redis,
            Err(error) => tracing::warn!(%error, "the Redis that wakes other processes cannot be reached; they poll"),
        }
        tokio::time::sleep(CONNECT_AGAIN).await;
    }
}

/// Publishes apart from whoever wakes, so that a slow Redis slows nobody down.
async fn tell(redis: driver_redis::Target, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = redis.publish(CHANNEL, &message).await {
            tracing::debug!(%error, "other processes could not be woken; they poll");
        }
    }
}

async fn listen(mut subscription: driver_redis::Subscription, queue: Arc<Notify>, jobs: broadcast::Sender<JobId>) {
    while let Some(wake) = subscription.next().await {
        match wake {
            // Messages may have been missed: look.
            driver_redis::Wake::Listening => queue.notify_one(),
            driver_redis::Wake::Message(message) if message == QUEUE => queue.notify_one(),
            driver_redis::Wake::Message(message) => {
                if let Some(job) = std::str::from_utf8(&message).ok().and_then(|text| text.parse().ok()) {
                    let _ = jobs.send(job);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody polls for so long; a test that waits for it has failed.
    const NEVER: Duration = Duration::from_hours(1);
    const PATIENCE: Duration = Duration::from_mins(1);

    /// A process that listens: whoever has subscribed looks at the queue once.
    async fn process(redis: &testkit::Redis) -> Wake {
        let wake = Wake::new(Some(&SecretString::from(redis.url())));
        woken(&wake).await;
        wake
    }

    async fn woken(wake: &Wake) {
        tokio::time::timeout(PATIENCE, wake.wait_for_queue(NEVER)).await.expect("it should have been woken");
    }

    #[tokio::test]
    async fn a_job_that_is_queued_in_one_process_wakes_the_worker_of_another_without_polling() {
        let redis = testkit::Redis::start().unwrap();
        let (one, other) = (process(&redis).await, process(&redis).await);
        one.queued();
        woken(&other).await;
    }

    #[tokio::test]
    async fn news_of_a_job_reach_those_who_watch_it_in_another_process() {
        let redis = testkit::Redis::start().unwrap();
        let (one, other) = (process(&redis).await, process(&redis).await);
        let mut watching = other.watch_jobs();
        let job = JobId::generate();
        one.job(job);
        tokio::time::timeout(PATIENCE, news_of(&mut watching, job, NEVER)).await.expect("it should have heard");
    }

    #[tokio::test]
    async fn without_redis_a_process_wakes_itself() {
        let wake = Wake::new(None);
        wake.queued();
        woken(&wake).await;
    }
}
