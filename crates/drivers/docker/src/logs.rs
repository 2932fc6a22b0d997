//! The last output of a container, bounded and without the engine's framing.

use crate::container::container_path;
use crate::engine::Engine;
use crate::error::Result;

/// What is read from the engine; a tail of very long lines is cut here.
const READ_LIMIT: usize = 1024 * 1024;
/// What is handed on: the end of what was read.
const KEEP_LIMIT: usize = 64 * 1024;

impl Engine {
    /// The last `tail` lines of standard output and standard error, in the order they were written,
    /// at most 64 KiB. Log drivers that cannot be read are an error of the engine's.
    pub async fn logs(&self, container: &str, tail: u32) -> Result<String> {
        // A terminal's output is not framed, and older engines do not say so in the answer.
        let inspect = self.inspect(container).await?;
        let is_framed = inspect.is_none_or(|inspect| inspect["Config"]["Tty"] != true);
        let mut answer = self
            .get(&container_path(container, "/logs")?)
            .query(&[("stdout", "true"), ("stderr", "true"), ("tail", &tail.to_string())])
            .send()
            .await?;
        let mut raw = Vec::new();
        while raw.len() < READ_LIMIT
            && let Some(chunk) = answer.chunk().await?
        {
            raw.extend_from_slice(&chunk);
        }
        let mut output = if is_framed { unframed(&raw) } else { raw };
        let surplus = output.len().saturating_sub(KEEP_LIMIT);
        output.drain(..surplus);
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

/// Frames are: stream (1 byte), three zeros, length (4 bytes, big-endian), payload. A frame that was
/// cut off gives what is there.
fn unframed(mut raw: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(raw.len());
    while let Some((header, rest)) = raw.split_first_chunk::<8>() {
        let [_, _, _, _, a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        output.extend_from_slice(payload);
        raw = rest;
    }
    output
}

#[cfg(test)]
mod tests {
    use super::unframed;

    #[test]
    fn frames_are_joined_and_a_cut_frame_gives_what_is_there() {
        let mut raw = vec![1, 0, 0, 0, 0, 0, 0, 3];
        raw.extend_from_slice(b"one");
        raw.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 9]);
        raw.extend_from_slice(b"two");
        assert_eq!(unframed(&raw), b"onetwo");
        assert_eq!(unframed(&[1, 0, 0]), b"");
    }
}
