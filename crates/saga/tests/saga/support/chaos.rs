//! Points at which a worker can be made to die.

use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

/// Counts the points that a run passes (each journal write and each effect, before and after), and stops it for
/// ever at a planned one, so that its future can be dropped exactly there.
#[derive(Default)]
pub(crate) struct Chaos(Mutex<State>);

#[derive(Default)]
struct State {
    passed: u32,
    deaths: Vec<u32>,
    died: CancellationToken,
}

impl Chaos {
    /// The worker that reaches the n-th point from now (from 1) dies there; several numbers are several deaths, each
    /// counted from the one before.
    pub(crate) fn die_at(&self, points: &[u32]) {
        let mut state = self.0.lock().unwrap();
        state.passed = 0;
        state.deaths = points.iter().rev().copied().collect();
    }

    /// Whether every planned death has happened.
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().unwrap().deaths.is_empty()
    }

    pub(crate) async fn point(&self) {
        let dead = {
            let mut state = self.0.lock().unwrap();
            state.passed += 1;
            let dead = state.deaths.last() == Some(&state.passed);
            if dead {
                state.deaths.pop();
                state.passed = 0;
                state.died.cancel();
            }
            dead
        };
        if dead {
            std::future::pending::<()>().await;
        }
    }

    /// Fires at the next death.
    pub(super) fn next_death(&self) -> CancellationToken {
        let mut state = self.0.lock().unwrap();
        state.died = CancellationToken::new();
        state.died.clone()
    }
}
