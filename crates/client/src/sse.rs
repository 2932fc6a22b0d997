//! Server-sent events, as far as this API uses them: lines that end in LF or CRLF.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Cuts a stream of bytes into events, wherever the pieces happen to end.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    event: Event,
    ready: std::collections::VecDeque<Event>,
}

const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The stream has an event that is longer than can be meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Parser {
    /// Takes the next piece of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
            } else if self.line.len() + self.event.data.len() < MAX_EVENT_BYTES {
                self.line.push(*byte);
            } else {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// The next whole event.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Forgets what was begun: a new connection begins with a whole event.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.event);
            if event.data.ends_with('\n') {
                event.data.pop();
            }
            if !event.data.is_empty() || !event.name.is_empty() {
                self.ready.push_back(event);
            }
            return;
        }
        // A line that begins with a colon is a comment that keeps the connection alive.
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                self.event.data.push_str(value);
                self.event.data.push('\n');
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str =
        ": hello\n\nid: 1\nevent: job\ndata: {\"a\":\ndata: 1}\nretry: 500\n\nevent: end\r\ndata:\r\n\r\nid: 2\nda";

    fn parse(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece).unwrap();
            events.extend(std::iter::from_fn(|| parser.pop()));
        }
        events
    }

    #[test]
    fn comments_and_unfinished_events_are_not_events() {
        let job = Event { name: "job".into(), data: "{\"a\":\n1}".into() };
        let end = Event { name: "end".into(), data: String::new() };
        assert_eq!(parse(&[STREAM.as_bytes()]), [job, end]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        assert_eq!(Parser::default().push(&vec![b'x'; MAX_EVENT_BYTES + 1]), Err(TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_pieces_end(cut in 0..STREAM.len(), other in 0..STREAM.len()) {
            let bytes = STREAM.as_bytes();
            let (low, high) = (cut.min(other), cut.max(other));
            prop_assert_eq!(parse(&[&bytes[..low], &bytes[low..high], &bytes[high..]]), parse(&[bytes]));
        }
    }
}
