//! Listening to a channel for ever, over lost connections.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use redis::RedisError;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::target::Target;

/// Messages that wait for a slow listener; more are dropped, since a full queue wakes as well as a
/// longer one would.
const QUEUE: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After this silence the connection is tested; a host that vanished never closes it.
const SILENCE: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const SLOWEST_RETRY: Duration = Duration::from_secs(2);

/// A reason to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Listening from now on. Whatever was sent before, or during a lost connection, was missed.
    Listening,
    /// A message.
    Message(Vec<u8>),
}

/// Messages of a channel, without end. Messages may be lost, never repeated: a wake-up, not a queue.
/// Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    receiver: mpsc::Receiver<Wake>,
    task: AbortHandle,
}

impl Target {
    /// Listens to a channel on a connection of its own, which is made again whenever it is lost. Must
    /// be called on a tokio runtime.
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let client = self.client.clone();
        let address = self.address().to_owned();
        let channel = channel.to_owned();
        let task = tokio::spawn(async move {
            let mut retry = FIRST_RETRY;
            loop {
                let mut was_listening = false;
                let lost = listen(&client, &channel, &sender, &mut was_listening).await;
                if was_listening {
                    retry = FIRST_RETRY;
                }
                tracing::debug!(
                    redis.address = address,
                    redis.channel = channel,
                    error = lost.as_deref(),
                    retry_ms = retry.as_millis(),
                    "The Redis subscription was lost and will be made again"
                );
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(SLOWEST_RETRY);
            }
        })
        .abort_handle();
        Subscription { receiver, task }
    }
}

impl Stream for Subscription {
    type Item = Wake;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Wake>> {
        self.receiver.poll_recv(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens until the connection is lost, and tells why.
async fn listen(
    client: &redis::Client,
    channel: &str,
    sender: &mpsc::Sender<Wake>,
    was_listening: &mut bool,
) -> Option<String> {
    let subscribed = timeout(CONNECT_TIMEOUT, async {
        let (mut sink, stream) = client.get_async_pubsub().await?.split();
        sink.subscribe(channel).await?;
        Ok::<_, RedisError>((sink, stream))
    });
    let (mut sink, mut stream) = match subscribed.await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => return Some(error.to_string()),
        Err(_) => return Some("no connection in time".to_owned()),
    };
    *was_listening = true;
    // A full queue is fine: what is in it wakes.
    let _ = sender.try_send(Wake::Listening);
    loop {
        match timeout(SILENCE, stream.next()).await {
            Ok(Some(message)) => {
                let _ = sender.try_send(Wake::Message(message.get_payload_bytes().to_vec()));
            }
            Ok(None) => return Some("the server closed the connection".to_owned()),
            Err(_) => match timeout(PING_TIMEOUT, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Some(error.to_string()),
                Err(_) => return Some("no answer to a ping".to_owned()),
            },
        }
    }
}
