//! A client's behaviour as data.

use std::time::Duration;

/// How long a client waits after it has sent something for the `attempt`th time (from 0) until it
/// sends it again; `None` when it gives up instead. Some clients use the round trip that they have
/// measured.
pub type Waits = fn(attempt: u32, rtt: Option<Duration>) -> Option<Duration>;

/// The behaviour of a client.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name in reports and on the command line.
    pub name: &'static str,
    /// The source or the capture that this model is taken from.
    pub source: &'static str,
    /// The options of its RRQ, in its order.
    pub options: &'static [(&'static str, u64)],
    /// The options of a first RRQ that only asks for the size. The client ends that transfer with
    /// ERROR 8 after the OACK, and sends its second RRQ from another port.
    pub probe: Option<&'static [(&'static str, u64)]>,
    /// The ports that it sends from.
    pub ports: SourcePorts,
    /// What it accepts in an OACK.
    pub oack: OackRule,
    /// What it does if a request with options is answered with DATA.
    pub without_oack: WithoutOack,
    /// It accepts datagrams from any port of the server, not only from that of the first answer.
    pub accepts_any_port: bool,
    /// ICMP "port unreachable" ends its transfer at once.
    pub heeds_icmp: bool,
    /// With its first ACK of a block it sends a copy of its request, as a network may deliver one
    /// late.
    pub late_copy: bool,
    /// The pauses between its requests.
    pub request_waits: Waits,
    /// The pauses between its ACKs while nothing new arrives.
    pub ack_waits: Waits,
    /// What it does with a DATA that is not the next one.
    pub out_of_order: OutOfOrder,
    /// Any block restarts its timer, also one that it has already.
    pub any_block_restarts_timer: bool,
    /// It counts its repeated ACKs over the whole transfer, not since the last block.
    pub counts_all_repeats: bool,
    /// An OACK in mid-transfer resets it to block 0.
    pub starts_over: bool,
    /// The program that reads the blocks, if it is slower than the network.
    pub reader: Option<SlowReader>,
    /// When its timer expires, it repeats its last ACK. Otherwise it acknowledges what it has.
    pub repeats_last_ack: bool,
    /// Its ACKs leave this much later.
    pub ack_delay: Duration,
    /// It sends ERROR 0 with this text after its last ACK.
    pub closing_error: Option<&'static str>,
    /// What it shows when it fails.
    pub screens: Screens,
}

/// The local ports of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcePorts {
    /// Any port, another one for each request.
    Any,
    /// This port, and the next one for each further request.
    From(u16),
    /// A port of this range, both ends included.
    Within(u16, u16),
}

/// What a client accepts in an OACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OackRule {
    /// Only requested options, and no raised value.
    Strict,
    /// Only requested options, with any number.
    Requested,
    /// Everything but a `timeout` other than its own.
    SameTimeout,
    /// Everything.
    Any,
}

/// What a client does if a request with options is answered with DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutOack {
    /// It takes blocks of 512 bytes.
    FallsBack,
    /// The same, but its size probe fails.
    FailsProbe,
    /// It acknowledges the blocks, but goes on waiting for an OACK.
    NeverOpens,
}

/// What a client does with a DATA that is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfOrder {
    /// Stores it, and acknowledges what it has up to the first gap.
    Placed,
    /// Stores it if it belongs to the window that the client is receiving. It acknowledges whole
    /// windows only, and fails if its timer expires within one.
    PlacedInWindow,
    /// Acknowledges the last block in order, each time.
    AnsweredEach,
    /// Acknowledges the last block in order, once for each last block in order.
    AnsweredOnce,
    /// Acknowledges the last block in order, if it is that one again.
    AnsweredIfLast,
    /// Ignores it.
    Ignored,
    /// Acknowledges the last block in order when a later one comes, once for each gap. Ignores what
    /// it has already, unless that is the block of its last ACK.
    GapReported,
    /// The same, but does not report a gap.
    GapIgnored,
}

/// The program behind the client's receive queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowReader {
    /// If so many blocks are unread, the ACK is held back until they are read.
    pub queue: usize,
    /// It reads at once, but pauses after so many blocks.
    pub every: u64,
    /// The length of a pause.
    pub pause: Duration,
}

/// What a client shows for each kind of failure. In a text, `{file}`, `{code}` and `{message}` are
/// the name of the file, and the code and the text of the server's ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screens {
    /// No answer to its request.
    pub silent: &'static str,
    /// The transfer stopped.
    pub stalled: &'static str,
    /// The server's ERROR has this code.
    pub errors: &'static [(u16, &'static str)],
    /// Any other ERROR of the server.
    pub other_error: &'static str,
    /// A size probe was answered with DATA.
    pub no_oack: &'static str,
    /// The OACK breaks its rule.
    pub bad_oack: &'static str,
    /// ICMP "port unreachable", if it heeds it.
    pub unreachable: &'static str,
}
