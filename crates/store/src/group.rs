//! What callers ask for at the same time is done for all of them in one transaction.
//!
//! A commit has to reach the disk, which costs more than all else that claiming or ending a job writes. Whoever finds
//! no transaction under way begins one at once; those who come meanwhile wait for the next, which takes them all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Callers in one transaction at most; it is held for as long as all of them need.
const MOST: usize = 40;
/// Transactions side by side at most, for as long as each has its full number of callers: fewer callers are better off
/// in one transaction, whose commit they share; more of them would wait for one thread of the server.
const SIDE_BY_SIDE: usize = 2;
/// How long one transaction may take: a server that hangs is as good as away, and those who come next try again on
/// another connection.
const LIMIT: Duration = Duration::from_secs(10);

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
    line: Arc<Mutex<Line<Q, A>>>,
}

struct Line<Q, A> {
    waiting: Vec<Asked<Q, A>>,
    /// Tasks that work for all that wait. They are none of theirs: a caller that stands still holds nobody up.
    servants: usize,
}

impl<Q, A> Default for Group<Q, A> {
    fn default() -> Self {
        Self { line: Arc::new(Mutex::new(Line { waiting: Vec::new(), servants: 0 })) }
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
        locked(&self.line).waiting.push(Asked { question, answer });
        Place(place)
    }

    /// Waits for the answer, and sees to it that somebody works for all that wait. `None` where the work broke off or hung,
    /// so that it is not known what was done.
    pub(crate) async fn wait<W>(
        &self,
        Place(place): Place<A>,
        work: impl Fn(Vec<Asked<Q, A>>) -> W + Send + 'static,
    ) -> Option<A>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        if self.is_another_wanted() {
            let mut service = Service { line: Arc::clone(&self.line), ended: false };
            tokio::spawn(async move {
                while let Some(batch) = service.next() {
                    // One that panics, or hangs, takes its own callers with it and nobody else.
                    let _ = tokio::spawn(tokio::time::timeout(LIMIT, work(batch))).await;
                }
            });
        }
        place.await.ok()
    }

    /// Whether those who wait want one more servant, who counts from now on.
    fn is_another_wanted(&self) -> bool {
        let mut line = locked(&self.line);
        let wanted = line.servants == 0 || (line.servants < SIDE_BY_SIDE && line.waiting.len() > MOST);
        line.servants += usize::from(wanted);
        wanted
    }
}

/// Whoever works for all that wait; when it ends, in whatever way, the next caller starts another.
struct Service<Q, A> {
    line: Arc<Mutex<Line<Q, A>>>,
    /// It has left the line already, and another may serve it by now.
    ended: bool,
}

impl<Q, A> Service<Q, A> {
    /// Those who wait longest, without those who have gone. Nobody comes in between the last look and the end.
    fn next(&mut self) -> Option<Vec<Asked<Q, A>>> {
        let mut line = locked(&self.line);
        line.waiting.retain(|asked| !asked.answer.is_closed());
        let most = line.waiting.len().min(MOST);
        if most == 0 {
            self.ended = true;
            line.servants -= 1;
            return None;
        }
        Some(line.waiting.drain(..most).collect())
    }
}

impl<Q, A> Drop for Service<Q, A> {
    fn drop(&mut self) {
        if !self.ended {
            locked(&self.line).servants -= 1;
        }
    }
}

fn locked<Q, A>(line: &Mutex<Line<Q, A>>) -> MutexGuard<'_, Line<Q, A>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
