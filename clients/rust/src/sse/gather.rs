//! Frames held until one bears an id: a batch is handed on whole, or not at all.

use std::mem;

use super::parser::{Frame, Parser, TooLarge};

/// The frames up to one with an id, which is the clock of them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The stream's clock after it.
    pub clock: String,
    /// Those that have data, in their order; there may be none.
    pub frames: Vec<Frame>,
}

/// Parses one connection's bytes into batches.
#[derive(Clone, Debug)]
pub struct Gatherer {
    parser: Parser,
    frames: Vec<Frame>,
    frame_bytes: usize,
    max_batch_bytes: usize,
}

impl Gatherer {
    /// For a connection that begins now, with the bounds of one event and of one batch.
    #[must_use]
    pub const fn new(max_event_bytes: usize, max_batch_bytes: usize) -> Self {
        Self { parser: Parser::new(max_event_bytes), frames: Vec::new(), frame_bytes: 0, max_batch_bytes }
    }

    /// The batches that end in this piece.
    ///
    /// # Errors
    /// When an event or a batch has more bytes than allowed.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Batch>, TooLarge> {
        let mut batches = Vec::new();
        for mut frame in self.parser.push(piece)? {
            let clock = frame.has_id.then(|| frame.id.clone());
            if let Some(data) = &frame.data {
                self.frame_bytes += size_of::<Frame>() + frame.event.len() + data.len();
                frame.data.as_mut().map(String::shrink_to_fit);
                self.frames.push(frame);
            }
            self.check_size()?;
            if let Some(clock) = clock {
                self.frame_bytes = 0;
                batches.push(Batch { clock, frames: mem::take(&mut self.frames) });
            }
        }
        self.check_size()?;
        Ok(batches)
    }

    /// The last `retry:`, in milliseconds.
    #[must_use]
    pub const fn retry_ms(&self) -> Option<u64> {
        self.parser.retry_ms()
    }

    fn check_size(&self) -> Result<(), TooLarge> {
        let limit = self.max_batch_bytes;
        if self.frame_bytes + self.parser.held_bytes() > limit { Err(TooLarge { limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Gatherer;

    #[test]
    fn a_batch_is_handed_on_whole_and_an_id_alone_moves_the_clock() {
        let mut gatherer = Gatherer::new(100, 1000);
        assert!(gatherer.push(b"event: change\ndata: 1\n\ndata: 2\n\n").unwrap().is_empty());
        let batches = gatherer.push(b"data: 3\nid: a\n\nid: b\n\ndata: 4\n\n").unwrap();
        let told: Vec<_> = batches.iter().map(|batch| (batch.clock.as_str(), batch.frames.len())).collect();
        assert_eq!(told, [("a", 3), ("b", 0)]);
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut gatherer = Gatherer::new(20, 500);
        let result = (0..20).try_for_each(|_| gatherer.push(b"data: 123456\n\n").map(|_| ()));
        assert_eq!(result.unwrap_err().limit, 500);
    }
}
