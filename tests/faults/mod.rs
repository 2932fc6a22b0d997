//! The worker dies: another one finishes the job or takes it back, and nothing is done twice.

mod kill;
