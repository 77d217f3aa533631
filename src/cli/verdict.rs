//! The verdict on one file of one server, and what it means for the exit code.

use crate::cli::console::{COULD_NOT, DONE, MISMATCH};

/// The result of comparing one file, as a word that is the same in all reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The file is the published one.
    Ok,
    /// The file is complete, and differs.
    Differs,
    /// The server has no such file (ERROR 1, status 404).
    Missing,
    /// The server lists a file that was not published.
    Extra,
    /// The signature is not one of this list by this key.
    BadSignature,
    /// The transfer stopped, or the file is shorter than the server has announced.
    Truncated,
    /// The server has not answered.
    Silent,
    /// No program listens on the port: ICMP port unreachable, or a TCP reset. Of `--as`: another
    /// ERROR, or an answer that the client does not accept.
    Refused,
    /// The network reports another error, for example that there is no route.
    Unreachable,
    /// The name has no address.
    NoSuchHost,
    /// Another ERROR or status, or an invalid answer.
    Error,
    /// The time for the whole check is over.
    TimedOut,
    /// Not as published, which an option accepts.
    Ignored,
}

impl Verdict {
    /// All verdicts, in the order of the reports.
    pub(super) const ALL: [Verdict; 13] = [
        Verdict::Ok,
        Verdict::Differs,
        Verdict::Missing,
        Verdict::Extra,
        Verdict::BadSignature,
        Verdict::Truncated,
        Verdict::Silent,
        Verdict::Refused,
        Verdict::Unreachable,
        Verdict::NoSuchHost,
        Verdict::Error,
        Verdict::TimedOut,
        Verdict::Ignored,
    ];

    /// The word in all reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Differs => "differs",
            Verdict::Missing => "missing",
            Verdict::Extra => "extra",
            Verdict::BadSignature => "bad-signature",
            Verdict::Truncated => "truncated",
            Verdict::Silent => "silent",
            Verdict::Refused => "refused",
            Verdict::Unreachable => "unreachable",
            Verdict::NoSuchHost => "no-such-host",
            Verdict::Error => "error",
            Verdict::TimedOut => "timed-out",
            Verdict::Ignored => "ignored",
        }
    }

    /// True if nothing has to be done about it.
    pub(super) fn is_accepted(self) -> bool {
        matches!(self, Verdict::Ok | Verdict::Ignored)
    }

    /// True if the server cannot be expected to answer the next request.
    pub(super) fn is_no_answer(self) -> bool {
        use Verdict::{NoSuchHost, Refused, Silent, Unreachable};
        matches!(self, Silent | Refused | Unreachable | NoSuchHost)
    }
}

/// The exit code for these verdicts. A wrong file takes precedence over a server that could not be
/// compared.
pub(super) fn exit_code(verdicts: impl IntoIterator<Item = Verdict>) -> u8 {
    use Verdict::{BadSignature, Differs, Extra, Missing, Truncated};
    let mut code = DONE;
    for verdict in verdicts {
        match verdict {
            _ if verdict.is_accepted() => {}
            Differs | Missing | Extra | BadSignature | Truncated => return MISMATCH,
            _ => code = COULD_NOT,
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_takes_precedence_over_a_server_that_does_not_answer() {
        use Verdict::*;
        assert_eq!(exit_code([]), DONE);
        assert_eq!(exit_code([Ok, Ignored]), DONE);
        for wrong in [Differs, Missing, Extra, BadSignature, Truncated] {
            assert_eq!(exit_code([Ok, Silent, wrong, Error]), MISMATCH);
        }
        for unknown in [Silent, Refused, Unreachable, NoSuchHost, Error, TimedOut] {
            assert_eq!(exit_code([Ok, unknown, Ignored]), COULD_NOT);
        }
    }
}
