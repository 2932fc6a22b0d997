//! Durations and what is said of them.

use std::time::Duration;

/// Durations of one kind of thing, milliseconds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, took: Duration) {
        self.push_ms(took.as_secs_f64() * 1000.0);
    }

    pub(crate) fn push_ms(&mut self, ms: f64) {
        let place = self.0.partition_point(|other| *other < ms);
        self.0.insert(place, ms);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that `percent` of the durations do not exceed (nearest rank); 0 where there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// `minimum / median / p95` with their unit.
    pub(crate) fn shown(&self) -> String {
        let ms = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        format!("{} / {} / {} ms", ms(self.percentile(0)), ms(self.median()), ms(self.percentile(95)))
    }
}

/// How many a second.
pub(crate) fn rate(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let mut samples = Samples::default();
        assert!((samples.median() - 0.0).abs() < f64::EPSILON);
        for ms in [5.0, 1.0, 3.0, 2.0, 4.0] {
            samples.push_ms(ms);
        }
        assert_eq!(samples.shown(), "1.00 / 3.00 / 5.00 ms");
        assert!((samples.percentile(99) - 5.0).abs() < f64::EPSILON);
    }
}
