//! How the side door learns what the workers know: it asks, and every driver answers between two
//! datagrams.
//!
//! While nobody asks, nothing is shared. An answer proves that its loop turns. The last question is asked by the program
//! itself, when it is about to end.

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

/// What drivers are asked.
#[derive(Clone, Copy, Debug, Default)]
struct Question {
    /// 0 is none.
    number: u64,
    /// Nothing is to be under way any more when it is answered.
    is_last: bool,
}

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
    question: watch::Receiver<Question>,
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

    /// True when all that is under way is to end before the answer.
    pub fn is_last(&self) -> bool {
        self.question.borrow().is_last
    }

    /// Tells what `server` has counted so far.
    pub fn answer(&self, server: &Server) {
        self.answer.send_replace(Answer {
            question: self.question.borrow().number,
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
    question: watch::Sender<Question>,
    answers: Vec<watch::Receiver<Answer>>,
    last: Option<(Instant, Tally)>,
}

impl Pulse {
    /// With no driver yet.
    pub fn new(clock: Clock) -> Pulse {
        Pulse {
            clock,
            question: watch::Sender::default(),
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

    /// The last question, to be asked whenever the time has come.
    pub fn last_word(&self) -> LastWord {
        LastWord {
            question: self.question.clone(),
            answers: self.answers.clone(),
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
        let question = ask(&self.question, &mut self.answers, false).await;
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

/// See [`Pulse::last_word`].
#[derive(Debug)]
pub struct LastWord {
    question: watch::Sender<Question>,
    answers: Vec<watch::Receiver<Answer>>,
}

impl LastWord {
    /// Has every driver end what is under way, and tell of it. Takes up to [`PATIENCE`].
    pub async fn say(mut self) {
        ask(&self.question, &mut self.answers, true).await;
    }
}

/// Asks all drivers, and waits for their answers, if not for ever. The number of the question.
async fn ask(
    question: &watch::Sender<Question>,
    answers: &mut [watch::Receiver<Answer>],
    is_last: bool,
) -> u64 {
    question.send_modify(|question| {
        question.number += 1;
        question.is_last |= is_last;
    });
    let number = question.borrow().number;
    let all = async {
        for answer in answers {
            let _ = answer.wait_for(|answer| answer.question >= number).await;
        }
    };
    let _ = timeout(PATIENCE, all).await;
    number
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
