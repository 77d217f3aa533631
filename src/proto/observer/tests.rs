use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::proto::stats::Outcome;

/// An observer, and what it has told of boots.
#[derive(Default)]
struct Scene {
    observer: Observer,
    boots: Vec<Boot>,
}

/// A time in milliseconds.
fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn host(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + number).into())
}

impl Scene {
    fn event(&mut self, millis: u64, source: IpAddr, asked: u64, step: RequestStep) {
        let event = RequestEvent {
            source,
            protocol: FileProtocol::Tftp,
            asked: at(asked),
            step,
        };
        self.wait(millis);
        self.observer.record(at(millis), &event);
        self.take();
    }

    /// At `millis`, the file asked for at `asked` gets its first ACK.
    fn started(&mut self, millis: u64, source: IpAddr, asked: u64) {
        self.event(millis, source, asked, RequestStep::Started);
    }

    /// At `millis`, the transfer asked for at `asked` ends; the machine was last heard of at
    /// `heard`.
    fn ended(&mut self, millis: u64, source: IpAddr, asked: u64, outcome: Outcome, heard: u64) {
        let end = RequestEnd {
            outcome,
            bytes: 1000,
            was_started: true,
            heard: at(heard),
        };
        self.event(millis, source, asked, RequestStep::Ended(end));
    }

    /// The first ACK, and right after it the end.
    fn whole(&mut self, source: IpAddr, asked: u64, ended: u64) {
        self.started(ended - 1, source, asked);
        self.ended(ended, source, asked, Outcome::Complete, ended);
    }

    /// A request ends without an ACK.
    fn request(&mut self, millis: u64, source: IpAddr, asked: u64, outcome: Outcome) {
        let end = RequestEnd {
            outcome,
            bytes: 0,
            was_started: false,
            heard: at(asked),
        };
        self.event(millis, source, asked, RequestStep::Ended(end));
    }

    /// Time passes, with every timer at its time.
    fn wait(&mut self, millis: u64) {
        while let Some(due) = self
            .observer
            .poll_timeout()
            .filter(|&due| due <= at(millis))
        {
            self.observer.handle_timeout(due);
            self.take();
        }
    }

    fn take(&mut self) {
        let boots = std::iter::from_fn(|| self.observer.poll_boot());
        self.boots.extend(boots.map(|(boot, _)| boot));
    }

    /// The boots that have ended up to `millis`: files, bytes, milliseconds and result.
    fn boots(&mut self, millis: u64) -> Vec<(u32, u64, u64, &'static str)> {
        self.wait(millis);
        let figures = |boot: &Boot| {
            let millis = u64::try_from(boot.duration.as_millis()).unwrap();
            (boot.files, boot.bytes, millis, boot.result.as_str())
        };
        self.boots.iter().map(figures).collect()
    }
}

#[test]
fn a_boot_lasts_from_the_first_request_to_the_last_file() {
    let mut scene = Scene::default();
    scene.request(8, host(1), 0, Outcome::Probe);
    scene.started(21, host(1), 20);
    scene.ended(530, host(1), 20, Outcome::Complete, 530);
    scene.request(900, host(1), 900, Outcome::NotFound);
    scene.whole(host(1), 3000, 3004);
    // A size probe is no file.
    scene.request(4000, host(1), 4000, Outcome::Probe);
    assert_eq!(scene.boots(63_999), []);
    assert_eq!(scene.boots(64_000), [(2, 2000, 3004, "complete")]);
    assert_eq!(scene.boots[0].address, host(1));
    assert_eq!(scene.observer.poll_timeout(), None, "it can sleep");
}

#[test]
fn a_minute_without_a_request_divides_two_boots() {
    for (pause, files) in [(59_980, vec![2]), (60_000, vec![1, 1])] {
        let mut scene = Scene::default();
        scene.whole(host(1), 0, 10);
        scene.whole(host(1), 10 + pause, 20 + pause);
        let boots = scene.boots(1_000_000);
        assert_eq!(boots.iter().map(|boot| boot.0).collect::<Vec<_>>(), files);
    }
}

/// The table is searched at most once a second. The next request may come before that.
#[test]
fn a_boot_that_is_over_ends_before_the_next_one_begins() {
    let mut scene = Scene::default();
    scene.whole(host(1), 0, 10);
    let event = RequestEvent {
        source: host(1),
        protocol: FileProtocol::Http,
        asked: at(60_400),
        step: RequestStep::Started,
    };
    let ended = scene.observer.boots.record(at(60_500), &event).unwrap();
    assert_eq!((ended.files, ended.ended), (1, at(10)));
    assert_eq!(scene.observer.stats().in_progress, 1);
}

#[test]
fn a_long_transfer_keeps_its_boot_open() {
    let mut scene = Scene::default();
    scene.started(10, host(1), 0);
    assert_eq!(scene.boots(199_000), []);
    scene.ended(200_000, host(1), 0, Outcome::Complete, 200_000);
    assert_eq!(scene.boots(260_000), [(1, 1000, 200_000, "complete")]);
}

#[test]
fn the_result_is_that_of_the_last_file() {
    use Outcome::{Aborted, Complete, Dropped, LastAckMissing, NotFound, TimedOut};
    for (first, second, result) in [
        (Complete, Complete, "complete"),
        (Complete, TimedOut, "incomplete"),
        (Complete, Aborted, "incomplete"),
        (Aborted, Complete, "complete"),
        (Dropped, Complete, "complete"),
        (Aborted, LastAckMissing, "complete"),
    ] {
        let mut scene = Scene::default();
        scene.started(1, host(1), 0);
        scene.ended(10, host(1), 0, first, 10);
        scene.started(21, host(1), 20);
        scene.ended(30, host(1), 20, second, 30);
        assert_eq!(scene.boots(90_000)[0].3, result, "{first:?} {second:?}");
    }
    // Also if the end of an earlier one is reported later.
    let mut scene = Scene::default();
    scene.started(1, host(1), 0);
    scene.whole(host(1), 20, 30);
    scene.ended(50_000, host(1), 0, TimedOut, 10);
    assert_eq!(scene.boots(90_000), [(1, 2000, 30, "complete")]);
    let mut scene = Scene::default();
    scene.whole(host(1), 0, 10);
    scene.request(20, host(1), 20, NotFound);
    assert_eq!(scene.boots(90_000), [(1, 1000, 20, "incomplete")]);
}

/// The server waits 16 s for a last ACK, and a minute for a silent client.
#[test]
fn waiting_for_a_client_is_not_part_of_its_boot() {
    let mut scene = Scene::default();
    scene.started(1, host(1), 0);
    scene.whole(host(1), 600, 700);
    scene.ended(16_500, host(1), 0, Outcome::LastAckMissing, 500);
    assert_eq!(scene.boots(60_700), [(2, 2000, 700, "complete")]);

    let mut scene = Scene::default();
    scene.whole(host(1), 0, 10);
    scene.started(21, host(1), 20);
    scene.ended(60_300, host(1), 20, Outcome::TimedOut, 300);
    assert_eq!(scene.boots(61_300), [(1, 2000, 300, "incomplete")]);
}

/// The ERROR that ends a size probe may be lost.
#[test]
fn a_late_probe_is_the_beginning_all_the_same() {
    let mut scene = Scene::default();
    scene.whole(host(1), 10, 500);
    scene.request(15_000, host(1), 0, Outcome::TimedOut);
    assert_eq!(scene.boots(90_000), [(1, 1000, 500, "complete")]);
}

#[test]
fn requests_without_an_ack_are_no_boot() {
    let mut scene = Scene::default();
    for millis in [0, 10, 20] {
        scene.request(millis, host(1), millis, Outcome::NotFound);
    }
    scene.request(30, host(1), 30, Outcome::Probe);
    assert_eq!(scene.observer.stats().in_progress, 0);
    assert_eq!(scene.boots(1_000_000), []);
}

#[test]
fn an_address_is_a_machine() {
    let mut scene = Scene::default();
    scene.whole(host(1), 0, 10);
    scene.whole(host(2), 0, 10);
    scene.whole("::ffff:10.0.0.1".parse().unwrap(), 20, 30);
    scene.whole("2001:db8::1".parse().unwrap(), 0, 40);
    scene.wait(90_000);
    let mut seen: Vec<_> = scene.boots.iter().map(|b| (b.address, b.files)).collect();
    seen.sort();
    let v6 = "2001:db8::1".parse().unwrap();
    assert_eq!(seen, [(host(1), 2), (host(2), 1), (v6, 1)]);
}

#[test]
fn an_address_that_never_pauses_has_a_boot_an_hour() {
    let mut scene = Scene::default();
    for minute in 0..150 {
        scene.whole(host(1), minute * 30_000, minute * 30_000 + 10);
    }
    let boots = scene.boots(3_600_000 + 60_000);
    assert_eq!(boots, [(120, 120_000, 3_570_010, "complete")]);
    // Also if there is always a transfer in progress.
    let mut scene = Scene::default();
    scene.started(10, host(1), 0);
    scene.ended(3_599_000, host(1), 3_000_000, Outcome::Complete, 3_599_000);
    scene.started(3_599_010, host(1), 3_599_000);
    scene.started(3_599_020, host(1), 3_599_000);
    assert_eq!(scene.boots(3_600_000), [(1, 1000, 3_599_000, "complete")]);
}

/// Forged requests take no place of a boot, and forged ACKs no memory beyond the table.
#[test]
fn the_table_is_bounded() {
    let mut scene = Scene::default();
    for number in 0..30_000 {
        scene.request(1, host(number), 1, Outcome::NotFound);
    }
    for number in 30_000..40_000 {
        scene.started(2, host(number), 2);
    }
    assert_eq!(scene.observer.stats().in_progress, 10_000);
    assert_eq!(scene.observer.stats().left_out, 0);
    for number in 40_000..50_000 {
        scene.started(3, host(number), 3);
        scene.ended(3, host(number), 3, Outcome::Complete, 3);
    }
    assert_eq!(scene.observer.stats().in_progress, 10_000);
    assert_eq!(scene.observer.stats().left_out, 10_000);
    // Those that have a place keep it.
    for number in 30_000..40_000 {
        scene.ended(4, host(number), 2, Outcome::Complete, 4);
    }
    scene.wait(90_000);
    assert_eq!(scene.boots.len(), 10_000);
    assert_eq!(scene.observer.stats().in_progress, 0);
    assert_eq!(scene.observer.poll_timeout(), None, "nothing is left");
}

/// SECURITY.md has this bound. The ring of the last hour is part of it.
#[test]
fn it_takes_little_memory() {
    let used = allocation_counter::measure(|| {
        let mut observer = Observer::default();
        let end = RequestEnd {
            outcome: Outcome::NotFound,
            bytes: 0,
            was_started: false,
            heard: at(1),
        };
        for number in 0..120_000 {
            let step = match number {
                ..60_000 => RequestStep::Ended(end),
                _ => RequestStep::Started,
            };
            let (source, protocol, asked) = (host(number), FileProtocol::Tftp, at(1));
            let event = RequestEvent {
                source,
                protocol,
                asked,
                step,
            };
            observer.record(at(1), &event);
        }
        drop(observer);
    });
    // A table that grows is copied: for a moment there is half of it besides.
    assert!(used.bytes_max < 1_750_000, "{} bytes", used.bytes_max);
    assert!(size_of::<[Minute; MINUTES]>() <= 16 << 10);
}

/// At `millis`, as many machines as the table holds begin; each has its file 2 s later.
fn boot_ten_thousand(scene: &mut Scene, millis: u64) {
    for number in 0..10_000 {
        scene.started(millis + 1, host(number), millis);
    }
    for number in 0..10_000 {
        scene.ended(
            millis + 2000,
            host(number),
            millis,
            Outcome::Complete,
            millis + 2000,
        );
    }
}

#[test]
fn boots_are_counted_and_their_lines_are_limited() {
    let mut scene = Scene::default();
    boot_ten_thousand(&mut scene, 0);
    scene.wait(62_000);
    assert_eq!(scene.boots.len(), 10_000);
    boot_ten_thousand(&mut scene, 68_000);
    // 10,000 lines at once, and 200 a second.
    scene.observer.end_all(at(72_000));
    scene.take();
    assert_eq!(scene.boots.len(), 12_000);
    scene.whole(host(1), 80_000, 80_100);
    scene.observer.end_all(at(81_000));
    let (_, left_out) = scene.observer.poll_boot().unwrap();
    assert_eq!(left_out, 8_000);

    let stats = scene.observer.stats();
    let counts = stats.times[BootResult::Complete as usize].cumulative();
    let counts: Vec<_> = counts.map(|(_, count)| count).take(2).collect();
    assert_eq!(counts, [1, 20_001]);
    assert_eq!(stats.times[BootResult::Incomplete as usize].sum(), 0);
    let sums = (stats.files.sum(), stats.bytes.sum());
    assert_eq!(sums, (20_001, 20_001_000));
}

#[test]
fn the_history_has_the_last_sixty_minutes() {
    let mut scene = Scene::default();
    let minute = |number: u64| number * 60_000;
    scene.request(minute(100), host(1), 0, Outcome::NotFound);
    scene.request(minute(100) + 59_999, host(1), 0, Outcome::NotFound);
    scene.request(minute(101), host(1), 0, Outcome::Probe);
    let mut counts = |now: u64| -> Vec<(usize, u32, u32)> {
        let minutes = scene.observer.history(at(now));
        assert_eq!(minutes.len(), MINUTES);
        let counts = minutes.iter().enumerate().map(|(index, minute)| {
            let of = |outcome| minute.tftp[outcome as usize];
            (index, of(Outcome::NotFound), of(Outcome::Probe))
        });
        counts.filter(|(_, a, b)| a + b > 0).collect()
    };
    assert_eq!(counts(minute(101)), [(58, 2, 0), (59, 0, 1)]);
    assert_eq!(counts(minute(102)), [(57, 2, 0), (58, 0, 1)]);
    assert_eq!(counts(minute(159)), [(0, 2, 0), (1, 0, 1)]);
    assert_eq!(counts(minute(160)), [(0, 0, 1)]);
    // Minutes without an event are empty, however long nothing was asked.
    assert_eq!(counts(minute(1000)), []);
}

#[test]
fn a_boot_is_in_the_history_when_it_ended() {
    let mut scene = Scene::default();
    for (number, ended) in [(1, 5000), (2, 2500), (3, 6000)] {
        scene.whole(host(number), 2000, ended);
    }
    scene.started(2100, host(4), 2000);
    scene.ended(9000, host(4), 2000, Outcome::Aborted, 9000);
    scene.wait(200_000);
    let minutes = scene.observer.history(at(200_000));
    let minute = minutes[MINUTES - 1 - 3];
    assert_eq!(minute.boots, [3, 1]);
    assert_eq!((minute.shortest, minute.longest), (500, 4000));
    assert_eq!(minute.total, 500 + 3000 + 4000);
    let all: u32 = minutes.iter().map(|minute| minute.boots[0]).sum();
    assert_eq!(all, 3);
    // One that became known after more than an hour is not.
    let mut scene = Scene::default();
    scene.whole(host(1), 10, 20);
    let later = Duration::from_secs(4000);
    scene.observer.handle_timeout(at(20) + later);
    let minutes = scene.observer.history(at(20) + later);
    assert!(minutes.iter().all(|minute| *minute == Minute::default()));
}
