//! The hash slot of a key, as the Redis Cluster specification has it.

/// A cluster has so many slots.
const SLOTS: u16 = 16_384;

/// The slot of a key: of what is between its first `{` and the next `}`, if there is something, else of all of it.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, behind)| behind.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM: polynomial 0x1021, beginning with 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::StreamKeys;

    /// The specification's own examples, and what `CLUSTER KEYSLOT` answers.
    #[test]
    fn a_key_has_the_slot_that_the_specification_gives_it() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, expected) in [("123456789", 12_739), ("foo", 12_182), ("{foo}bar", 12_182), ("", 0)] {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
        assert_ne!(slot("foo{}{bar}"), slot("bar"));
    }

    #[test]
    fn all_keys_of_a_stream_have_one_slot() {
        for stream in ["antenna_stream", "antenna_stream:0", "a:b:c", "ñ"] {
            let keys = StreamKeys::new(stream);
            let all = [&keys.rejected, &keys.state, &keys.lease, &keys.replay_marker(7)];
            assert!(all.into_iter().all(|key| slot(key) == slot(&keys.stream)), "{stream}");
        }
    }
}
