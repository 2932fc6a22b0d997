//! What callers ask for at the same time is done for all of them in one transaction.
//!
//! A commit has to reach the disk, which costs more than all else that claiming or ending a job writes. Whoever finds
//! no transaction under way begins one at once; those who come meanwhile wait for the next, which takes them all.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Callers in one transaction at most; it is held for as long as all of them need.
const MOST: usize = 64;

/// What one caller asks for, and where the answer goes.
pub(crate) struct Asked<Q, A> {
    pub(crate) question: Q,
    answer: oneshot::Sender<A>,
}

impl<Q, A> Asked<Q, A> {
    /// Answers; nothing is lost where nobody waits any more.
    pub(crate) fn answer(self, answer: A) {
        let _ = self.answer.send(answer);
    }
}

/// A place in the group. Dropping it before its turn takes the question back.
pub(crate) struct Place<A>(oneshot::Receiver<A>);

/// The callers that wait for a transaction. Bounded by themselves: each waits for its answer.
pub(crate) struct Group<Q, A> {
    waiting: Mutex<Vec<Asked<Q, A>>>,
    /// Whoever holds it works for all that wait.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<Q, A> Default for Group<Q, A> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: Arc::default() }
    }
}

impl<Q, A> std::fmt::Debug for Group<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").finish_non_exhaustive()
    }
}

impl<Q: Send + 'static, A: Send + 'static> Group<Q, A> {
    /// Asks. The answer is to be waited for with [`Group::wait`].
    pub(crate) fn enter(&self, question: Q) -> Place<A> {
        let (answer, place) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { question, answer });
        Place(place)
    }

    /// Waits for the answer, and works for all that wait when it is its turn. `None` where the work broke off, so that
    /// it is not known what was done.
    pub(crate) async fn wait<W>(&self, Place(mut place): Place<A>, work: impl Fn(Vec<Asked<Q, A>>) -> W) -> Option<A>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        loop {
            tokio::select! {
                biased;
                answer = &mut place => return answer.ok(),
                turn = Arc::clone(&self.turn).lock_owned() => {
                    let work = work(self.take());
                    // A caller that goes away must not take the others' transaction with it.
                    let done = tokio::spawn(async move {
                        work.await;
                        drop(turn);
                    });
                    if done.await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    /// Those who wait longest, without those who have gone.
    fn take(&self) -> Vec<Asked<Q, A>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|asked| !asked.answer.is_closed());
        let most = waiting.len().min(MOST);
        waiting.drain(..most).collect()
    }
}
