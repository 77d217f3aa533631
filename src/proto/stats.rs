//! What is counted, and the words for it that log, metrics and documents share.

use super::report::Figures;

/// How a request or a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The last block was acknowledged, or the client ended a transfer of which it had everything
    /// (GRUB's ERROR "closed").
    Complete,
    /// Everything was sent three times, and no ACK of the last block came.
    LastAckMissing,
    /// The client asked for the size, and left.
    Probe,
    /// The client ended it with an ERROR, or started over.
    Aborted,
    /// The client went silent.
    TimedOut,
    /// No file has this name.
    NotFound,
    /// A write request, or a mode that does not exist.
    Refused,
    /// There was no room for it, or it cost more than it may.
    Dropped,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Outcome; 8] = [
        Outcome::Complete,
        Outcome::LastAckMissing,
        Outcome::Probe,
        Outcome::Aborted,
        Outcome::TimedOut,
        Outcome::NotFound,
        Outcome::Refused,
        Outcome::Dropped,
    ];

    /// The word for it everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::LastAckMissing => "last-ack-missing",
            Outcome::Probe => "probe",
            Outcome::Aborted => "aborted",
            Outcome::TimedOut => "timed-out",
            Outcome::NotFound => "not-found",
            Outcome::Refused => "refused",
            Outcome::Dropped => "dropped",
        }
    }
}

/// Why a datagram was left without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ignored {
    /// Not TFTP, or a request without a name or a mode.
    Malformed,
    /// DATA or OACK: nothing that a client sends to a server that only reads.
    NotForServers,
    /// An ACK or ERROR from a peer without a transfer.
    Stray,
    /// An ACK of a block that was never sent.
    NeverSent,
    /// The RRQ of a transfer that is under way or has just ended.
    Duplicate,
    /// A request so short that its ERROR would be three times longer.
    TooShort,
    /// A request from a prefix with too many unproven transfers or bytes.
    PrefixBudget,
    /// A request for which there are too many unproven bytes in all.
    TotalBudget,
    /// A request from a prefix that has said that it did not ask.
    ClosedDoor,
    /// A request for which there is no room in the table of sessions.
    TableFull,
    /// Sent to everybody's address, not to ours (RFC 1123 §4.2.3.5).
    Broadcast,
}

impl Ignored {
    /// All of them, in the order of their numbers.
    pub const ALL: [Ignored; 11] = [
        Ignored::Malformed,
        Ignored::NotForServers,
        Ignored::Stray,
        Ignored::NeverSent,
        Ignored::Duplicate,
        Ignored::TooShort,
        Ignored::PrefixBudget,
        Ignored::TotalBudget,
        Ignored::ClosedDoor,
        Ignored::TableFull,
        Ignored::Broadcast,
    ];

    /// The word for it everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Ignored::Malformed => "malformed",
            Ignored::NotForServers => "not-for-servers",
            Ignored::Stray => "stray",
            Ignored::NeverSent => "never-sent",
            Ignored::Duplicate => "duplicate",
            Ignored::TooShort => "too-short",
            Ignored::PrefixBudget => "prefix-budget",
            Ignored::TotalBudget => "total-budget",
            Ignored::ClosedDoor => "closed-door",
            Ignored::TableFull => "table-full",
            Ignored::Broadcast => "broadcast",
        }
    }
}

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    outcomes: [u64; Outcome::ALL.len()],
    ignored: [u64; Ignored::ALL.len()],
    /// Bytes of files that peers have acknowledged, of ended transfers.
    pub bytes: u64,
    /// Blocks sent again, of ended transfers.
    pub resent: u64,
}

impl Stats {
    /// How often it ended so.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// How many datagrams were ignored for this reason.
    pub fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored[reason as usize]
    }

    pub(super) fn count(&mut self, outcome: Outcome, transfer: Option<Figures>) {
        self.outcomes[outcome as usize] += 1;
        if let Some(figures) = transfer {
            self.bytes += figures.bytes;
            self.resent += u64::from(figures.resent);
        }
    }

    pub(super) fn ignore(&mut self, reason: Ignored) {
        self.ignored[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_the_order_of_their_numbers() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
        }
        for (number, reason) in Ignored::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }
}
