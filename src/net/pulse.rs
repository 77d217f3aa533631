//! How the side door learns what the workers know: it asks, and every driver answers between two
//! datagrams.
//!
//! While nobody asks, nothing is shared. An answer proves that its loop turns.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Clock;
use crate::proto::Instant;
use crate::proto::server::Server;
use crate::proto::stats::Stats;

/// How long a driver may take to answer. Its loop turns in microseconds, and under any load in
/// milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How long an answer is good for: whoever asks the side door in a loop costs each worker one copy
/// of its counters a second.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// What a driver answers.
#[derive(Clone, Debug)]
struct Answer {
    /// To which question. 0 is none.
    question: u64,
    /// None before the first answer.
    stats: Option<Stats>,
    proven: usize,
    unproven: usize,
}

/// The driver's end of the line.
#[derive(Debug)]
pub struct Line {
    /// The number of the last question.
    question: watch::Receiver<u64>,
    answer: watch::Sender<Answer>,
}

impl Line {
    /// Waits until somebody asks.
    pub async fn ring(&mut self) {
        if self.question.changed().await.is_err() {
            // Nobody is left to ask.
            std::future::pending().await
        }
    }

    /// Tells what `server` has counted so far.
    pub fn answer(&self, server: &Server) {
        self.answer.send_replace(Answer {
            question: *self.question.borrow(),
            stats: Some(server.stats().clone()),
            proven: server.proven(),
            unproven: server.unproven(),
        });
    }
}

/// What all drivers together have answered.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Drivers, and those of them that have answered in time.
    pub drivers: usize,
    /// See above.
    pub answered: usize,
    /// The counters of all, as of their last answers; none if there was not one.
    pub stats: Option<Stats>,
    /// Transfers under way whose peer has acknowledged something.
    pub proven: usize,
    /// Transfers under way whose peer has not.
    pub unproven: usize,
}

/// The asking end.
#[derive(Debug)]
pub struct Pulse {
    clock: Clock,
    question: watch::Sender<u64>,
    answers: Vec<watch::Receiver<Answer>>,
    last: Option<(Instant, Tally)>,
}

impl Pulse {
    /// With no driver yet.
    pub fn new(clock: Clock) -> Pulse {
        Pulse {
            clock,
            question: watch::Sender::new(0),
            answers: Vec::new(),
            last: None,
        }
    }

    /// A line for one more driver.
    pub fn line(&mut self) -> Line {
        let nothing = Answer {
            question: 0,
            stats: None,
            proven: 0,
            unproven: 0,
        };
        let (answer, hear) = watch::channel(nothing);
        self.answers.push(hear);
        Line {
            question: self.question.subscribe(),
            answer,
        }
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the drivers answer, or have answered less than a second ago. Takes up to [`PATIENCE`].
    pub async fn take(&mut self) -> &Tally {
        let now = self.clock.now();
        let last = self.last.take();
        let tally = match last.filter(|(at, _)| now < *at + FRESH_FOR) {
            Some((at, tally)) => (at, tally),
            None => {
                let tally = self.ask().await;
                (self.clock.now(), tally)
            }
        };
        &self.last.insert(tally).1
    }

    async fn ask(&mut self) -> Tally {
        self.question.send_modify(|question| *question += 1);
        let question = *self.question.borrow();
        let answers = &mut self.answers;
        let all = async {
            for answer in answers.iter_mut() {
                let _ = answer.wait_for(|answer| answer.question >= question).await;
            }
        };
        let _ = timeout(PATIENCE, all).await;
        let mut tally = Tally {
            drivers: self.answers.len(),
            ..Tally::default()
        };
        for answer in &self.answers {
            tally.add(&answer.borrow(), question);
        }
        tally
    }
}

impl Tally {
    fn add(&mut self, answer: &Answer, question: u64) {
        self.answered += usize::from(answer.question >= question);
        self.proven += answer.proven;
        self.unproven += answer.unproven;
        match (&mut self.stats, &answer.stats) {
            (Some(stats), Some(more)) => stats.absorb(more),
            (stats @ None, Some(first)) => *stats = Some(first.clone()),
            (_, None) => {}
        }
    }
}
