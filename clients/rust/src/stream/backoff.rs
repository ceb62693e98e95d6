//! How long to wait before the next attempt. No clock here: numbers in, a time out.

use std::time::Duration;

const RETRY: Duration = Duration::from_secs(1); // until the server has told one

/// Attempts in a row that came to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    max: Duration,
    retry: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(max: Duration) -> Self {
        Self { max, retry: RETRY, failures: 0 }
    }

    pub(crate) const fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    pub(crate) const fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn told(&mut self, retry_ms: Option<u64>) {
        if let Some(retry_ms) = retry_ms {
            self.retry = Duration::from_millis(retry_ms);
        }
    }

    /// `random` is in 0 to 1; `asked` is what a `Retry-After` says, which is waited for where it is longer.
    pub(crate) fn wait(&self, random: f64, asked: Option<Duration>) -> Duration {
        let doubled = self.retry.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
        let wait = doubled.min(self.max).mul_f64(0.5 + random / 2.0);
        asked.map_or(wait, |asked| wait.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn doubles_with_each_failure_up_to_the_bound() {
        let mut backoff = Backoff::new(Duration::from_secs(30));
        assert_eq!(backoff.wait(1.0, None), Duration::from_secs(1));
        backoff.told(Some(3000));
        assert_eq!(backoff.wait(0.0, None), Duration::from_millis(1500));
        backoff.failed();
        assert_eq!(backoff.wait(1.0, None), Duration::from_secs(6));
        (0..100).for_each(|_| backoff.failed());
        assert_eq!(backoff.wait(1.0, None), Duration::from_secs(30));
        assert_eq!(backoff.wait(1.0, Some(Duration::from_secs(90))), Duration::from_secs(90));
        backoff.succeeded();
        assert_eq!(backoff.wait(1.0, Some(Duration::from_secs(1))), Duration::from_secs(3));
    }
}
