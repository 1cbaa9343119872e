use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use shared::api::{AlertHeld, MaintenanceTimes, NewAcknowledgement, NewMaintenance, NewMute};

use super::*;
use crate::alerts::maintenance::Span;
use crate::alerts::orders::Order;
use crate::registry::upstream::RETURN_MS;
use crate::registry::{Notation, Registry};

const FILE: &str = "
    [[receiver]]
    name = \"a\"
    type = \"webhook\"
    url = \"http://localhost/\"
    [[receiver]]
    name = \"b\"
    type = \"slack\"
    url = \"http://localhost/\"
    [[route]]
    receivers = [\"a\", \"b\"]
    group_by = [\"kind\"]
    group_wait = \"2s\"
    group_interval = \"5s\"
    repeat = \"1m\"
    damping = false
";

/// What happens at a moment.
#[derive(Debug, Clone)]
enum Step {
    /// Trouble of an antenna begins.
    Begin(u8),
    /// It gets worse.
    Worsen(u8),
    /// It ends.
    End(u8),
    /// So many milliseconds pass.
    Wait(u16),
    /// A receiver takes what waits for it, and that is committed or not.
    Take(bool),
    /// The process is killed, and another one goes on from what was committed.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6_u8).prop_map(Step::Begin),
        (0..6_u8).prop_map(Step::Worsen),
        (0..6_u8).prop_map(Step::End),
        (0..9_000_u16).prop_map(Step::Wait),
        any::<bool>().prop_map(Step::Take),
        Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..80)
}

/// The network, as it is committed.
#[derive(Debug, Default)]
struct World {
    open: BTreeMap<u8, Incident>,
    ended: Vec<Incident>,
}

impl World {
    /// What happens to the network, or to time.
    fn pass(&mut self, step: Step, now: &mut UnixMillis) {
        match step {
            Step::Begin(antenna) => {
                now.0 += 1;
                let begun = Incident::begun(&antenna.to_string(), AlertKind::Degraded, *now);
                self.open.entry(antenna).or_insert(begun);
            }
            Step::Worsen(antenna) => {
                if let Some(open) = self.open.get_mut(&antenna) {
                    open.kind = AlertKind::Down;
                }
            }
            Step::End(antenna) => {
                if let Some(open) = self.open.remove(&antenna) {
                    now.0 += 1;
                    self.ended.push(Incident { end: Some((*now, AlertEnding::Recovered)), ..open });
                }
            }
            Step::Wait(ms) => now.0 += i64::from(ms),
            Step::Take(_) | Step::Kill => unreachable!("they happen to the process"),
        }
    }

    /// Whether an antenna is down.
    fn is_down(&self, antenna: u8) -> bool {
        self.open.get(&antenna).is_some_and(|open| open.kind == AlertKind::Down)
    }

    /// Whether one in front of an antenna is down.
    fn is_unreachable(&self, antenna: u8) -> bool {
        in_front_of(antenna).into_iter().any(|it| self.is_down(it))
    }

    /// How many antennas are in trouble behind one.
    fn behind(&self, antenna: u8) -> u64 {
        self.open.keys().filter(|it| in_front_of(**it).contains(&antenna)).count() as u64
    }

    /// Whether one in front was down in the time of an incident that is over, or a minute before.
    fn was_unreachable(&self, incident: &Incident) -> bool {
        let antenna: u8 = incident.subject.parse().expect("a number");
        let end = |it: &Incident| it.end.expect("it is over").0;
        in_front_of(antenna).into_iter().map(|it| it.to_string()).any(|front| {
            let of_front = self.ended.iter().filter(|it| it.subject == front && it.kind == AlertKind::Down);
            let mut of_front = of_front.filter(|it| it.start <= end(incident));
            of_front.any(|it| end(it).0 + RETURN_MS > incident.start.0)
        })
    }

    /// All that lasts is over.
    fn end_all(&mut self, now: UnixMillis) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.ended.push(Incident { end: Some((now, AlertEnding::Recovered)), ..open });
        }
    }

    fn seen(&self, state: &State) -> Seen {
        let stream = || "s".to_owned();
        let count = self.ended.len() as u64;
        let known = state.cursors.get("s").copied().unwrap_or(count);
        let new = self.ended.iter().skip(usize::try_from(known).expect("few"));
        Seen {
            open: self.open.values().map(|it| (stream(), it.clone())).collect(),
            ended: new.map(|it| (stream(), it.clone())).collect(),
            cursors: BTreeMap::from([(stream(), count)]),
            ..Seen::default()
        }
    }
}

/// The antennas of the steps as a registry has them: two and three are behind the first one, one more is behind the second.
const UPSTREAM: &str = "id,parent\n0,\n1,0\n2,1\n3,0\n4,\n5,4\n";

/// The antennas in front of one.
fn in_front_of(antenna: u8) -> Vec<u8> {
    match antenna {
        1 | 3 => vec![0],
        2 => vec![1, 0],
        5 => vec![4],
        _ => Vec::new(),
    }
}

/// What receivers got: the phases of each incident in order, and under which keys each alert came.
#[derive(Debug, Default)]
struct Mailbox {
    phases: BTreeMap<(String, String), Vec<String>>,
    keys: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Mailbox {
    fn take(&mut self, notice: &Notice) {
        for alert in &notice.alerts {
            let keys = self.keys.entry((notice.receiver.clone(), alert.key.clone())).or_default();
            if keys.insert(notice.key.clone()) {
                let of = (notice.receiver.clone(), alert.incident.clone());
                self.phases.entry(of).or_default().push(alert.phase.clone());
            }
        }
    }
}

fn deliver(state: &mut State, now: UnixMillis, mailbox: &mut Mailbox) {
    let waiting: Vec<(String, Notice)> =
        state.waiting().into_iter().map(|(group, notice)| (group.clone(), notice.clone())).collect();
    for (group, notice) in waiting {
        mailbox.take(&notice);
        state.delivered(now, &group, &notice.key, 1, &Outcome::Sent);
    }
}

const BEGINNING: i64 = 1_700_000_000_000;

/// In which nobody is told of the antennas 0 to 2.
const WINDOW: Span = Span { start: UnixMillis(BEGINNING + 10_000), end: UnixMillis(BEGINNING + 40_000) };

fn is_maintained(subject: &str) -> bool {
    ["0", "1", "2"].contains(&subject)
}

/// What there is behind some steps.
struct Played {
    world: World,
    mailbox: Mailbox,
    now: UnixMillis,
    state: State,
}

impl Played {
    /// Plays steps through crashes: what a turn makes of the state is committed, and what was committed is sent.
    fn through(
        steps: Vec<Step>,
        mut turn: impl FnMut(&mut State, UnixMillis, &World) -> Result<(), TestCaseError>,
    ) -> Result<Self, TestCaseError> {
        let (mut world, mut mailbox, mut now) = (World::default(), Mailbox::default(), UnixMillis(BEGINNING));
        let mut state = State::default();
        state.take(now, world.seen(&State::default()), 1_000);
        let mut committed = state.encode().expect("JSON");
        for step in steps {
            match step {
                Step::Take(is_committed) => {
                    let mut sent = State::decode(&committed).expect("a state");
                    deliver(&mut sent, now, &mut mailbox);
                    state = sent;
                    if is_committed {
                        committed = state.encode().expect("JSON");
                    }
                    continue;
                }
                Step::Kill => state = State::decode(&committed).expect("a state"),
                step => world.pass(step, &mut now),
            }
            turn(&mut state, now, &world)?;
            committed = state.encode().expect("JSON");
        }
        Ok(Self { world, mailbox, now, state })
    }

    /// Goes on for some turns, 10 s apart, and sends all that is to be sent.
    fn go_on(
        &mut self,
        turns: i64,
        mut turn: impl FnMut(&mut State, UnixMillis, &World) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        for _ in 0..turns {
            turn(&mut self.state, self.now, &self.world)?;
            deliver(&mut self.state, self.now, &mut self.mailbox);
            self.now.0 += 10_000;
        }
        Ok(())
    }
}

proptest! {
    /// In maintenance nothing is told of its antennas. What was told before is told to its end behind it, what lasts is told then, and what
    /// began and was over in it is told to nobody; all others are told of as ever.
    #[test]
    fn nobody_is_told_in_maintenance_and_of_what_lasts_behind_it(steps in steps()) {
        let maintenance = format!(
            "{FILE}
            [[maintenance]]
            name = \"works\"
            antennas = [\"0\", \"1\", \"2\"]
            start = {}
            end = {}",
            WINDOW.start, WINDOW.end
        );
        let alerting = Alerting::parse(&maintenance).expect("a good file");
        let (mut world, mut mailbox, mut now) = (World::default(), Mailbox::default(), UnixMillis(BEGINNING));
        let mut state = State::default();
        state.take(now, world.seen(&State::default()), 1_000);
        let turn = |state: &mut State, now: UnixMillis, world: &World| {
            let seen = world.seen(state);
            state.take(now, seen, 1_000);
            state.step(now, &alerting, &Antennas::default(), &|_| None);
            let made = state.waiting().into_iter().filter(|(_, notice)| notice.at == now);
            let subjects: Vec<&str> =
                made.flat_map(|(_, notice)| &notice.alerts).map(|alert| alert.antenna_id.as_str()).collect();
            !WINDOW.holds(now) || !subjects.into_iter().any(is_maintained)
        };
        for step in steps {
            match step {
                Step::Take(_) | Step::Kill => deliver(&mut state, now, &mut mailbox),
                step => world.pass(step, &mut now),
            }
            prop_assert!(turn(&mut state, now, &world), "told in maintenance: {:?}", state);
        }
        now = now.max(WINDOW.end);
        for _ in 0..4 {
            turn(&mut state, now, &world);
            deliver(&mut state, now, &mut mailbox);
            now.0 += 10_000;
        }
        let phases = |mailbox: &Mailbox, incident: &Incident| {
            mailbox.phases.get(&("a".to_owned(), incident.id())).cloned().unwrap_or_default()
        };
        for open in world.open.values() {
            prop_assert!(phases(&mailbox, open).last().is_some_and(|last| last != "ended"), "{:?}", open);
        }
        world.end_all(now);
        for _ in 0..4 {
            turn(&mut state, now, &world);
            deliver(&mut state, now, &mut mailbox);
            now.0 += 10_000;
        }
        for incident in &world.ended {
            let told = phases(&mailbox, incident);
            let is_in = |at: UnixMillis| is_maintained(&incident.subject) && WINDOW.holds(at);
            let ends_in = incident.end.is_some_and(|(end, _)| is_in(end));
            if ends_in && is_in(incident.start) {
                prop_assert!(told.is_empty(), "{:?} {:?}", incident, told);
            } else {
                let is_whole = told.last().map(String::as_str) == Some("ended");
                prop_assert!(is_whole || (ends_in && told.is_empty()), "{:?} {:?}", incident, told);
            }
        }
        prop_assert!(state.waiting().is_empty() && state.incidents.is_empty(), "{:?}", state);
    }

    /// A window that somebody said is as the same one of the file: whatever happens, receivers are told the same of the same incidents, and
    /// what is known is the same.
    #[test]
    fn maintenance_that_somebody_said_is_as_that_of_the_file(steps in steps(), is_recurring in any::<bool>()) {
        // The steps begin on Tuesday at 23:13:20 in Madrid.
        let (hours, days) = ("23:14-23:15", vec!["tue".to_owned()]);
        let when = if is_recurring {
            let (hours, time_zone) = (Some(hours.to_owned()), Some("Europe/Madrid".to_owned()));
            MaintenanceTimes { hours, days: Some(days), time_zone, ..MaintenanceTimes::default() }
        } else {
            MaintenanceTimes { start: Some(WINDOW.start), end: Some(WINDOW.end), ..MaintenanceTimes::default() }
        };
        let written = if is_recurring {
            format!("hours = {hours:?}\ndays = [\"tue\"]\ntime_zone = \"Europe/Madrid\"")
        } else {
            format!("start = {}\nend = {}", WINDOW.start, WINDOW.end)
        };
        let of_file = format!("{FILE}\n[[maintenance]]\nname = \"works\"\nantennas = [\"[012]\"]\n{written}");
        let (reason, by) = ("works".to_owned(), "ana".to_owned());
        let order = Order::Schedule(NewMaintenance { antennas: "[012]".to_owned(), when, reason, by });
        let played = |file: &str, order: Option<&Order>| {
            let alerting = Alerting::parse(file).expect("a good file");
            let registry = antennas(UPSTREAM);
            let turn = |state: &mut State, now: UnixMillis, world: &World| -> Result<(), TestCaseError> {
                if let Some(order) = order {
                    // Whoever does not know whether it was committed says it again.
                    let said = state.carry_out(UnixMillis(BEGINNING), order);
                    prop_assert!(said.is_ok(), "{:?}", said);
                }
                let seen = world.seen(state);
                state.take(now, seen, 1_000);
                state.step(now, &alerting, &registry, &|_| None);
                Ok(())
            };
            let mut played = Played::through(steps.clone(), turn)?;
            played.go_on(RETURN_MS / 10_000 + 4, turn)?;
            let held = played.state.held(WINDOW.start, &alerting, &registry);
            Ok::<_, TestCaseError>((played, held))
        };
        let ((mut said, held_by_order), (file, held_by_file)) = (played(FILE, Some(&order))?, played(&of_file, None)?);
        prop_assert_eq!(said.state.planned.len(), 1);
        said.state.planned.clear();
        said.state.audit.clear();
        prop_assert_eq!(said.mailbox.phases, file.mailbox.phases);
        prop_assert_eq!(said.mailbox.keys, file.mailbox.keys);
        prop_assert_eq!((said.state, held_by_order), (file.state, held_by_file));
    }

    /// Whatever happens, each receiver is told of each incident that there was, in order and up to its end, and of nothing under
    /// two keys.
    #[test]
    fn every_receiver_is_told_of_every_incident_in_order_through_any_crash(steps in steps()) {
        let alerting = Alerting::parse(FILE).expect("a good file");
        let turn = |state: &mut State, now: UnixMillis, world: &World| {
            let seen = world.seen(state);
            state.take(now, seen, 1_000);
            state.step(now, &alerting, &Antennas::default(), &|_| None);
            Ok(())
        };
        let mut played = Played::through(steps, turn)?;
        played.world.end_all(played.now);
        played.go_on(4, turn)?;
        let Played { world, mailbox, state, .. } = played;
        for receiver in ["a", "b"] {
            for incident in &world.ended {
                let phases = mailbox.phases.get(&(receiver.to_owned(), incident.id())).cloned().unwrap_or_default();
                let rank = |phase: &String| ["began", "lasts", "worse", "ended"].iter().position(|it| it == phase);
                prop_assert_eq!(phases.last().map(String::as_str), Some("ended"), "{} {:?}", incident.id(), phases);
                let once = phases.iter().filter(|phase| *phase != "lasts");
                let ranks: Vec<_> = once.map(rank).collect();
                prop_assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", phases);
            }
        }
        let told: BTreeSet<&String> = mailbox.phases.keys().map(|(_, incident)| incident).collect();
        prop_assert_eq!(told.len(), world.ended.len());
        prop_assert!(mailbox.keys.values().all(|keys| keys.len() == 1), "{:?}", mailbox.keys);
        prop_assert!(state.waiting().is_empty() && state.incidents.is_empty(), "{:?}", state);
    }

    /// Whatever happens, nobody is told of an antenna as long as one in front of it is down, but of how many there are; of what lasts once none
    /// is, everybody is told, and of the end of whatever was told. Who was never told of an incident was told of one in front of it.
    #[test]
    fn who_is_behind_an_antenna_that_is_down_is_told_with_it_and_by_itself_once_it_is_back(steps in steps()) {
        let (alerting, registry) = (Alerting::parse(FILE).expect("a good file"), antennas(UPSTREAM));
        let turn = |state: &mut State, now: UnixMillis, world: &World| -> Result<(), TestCaseError> {
            let keys = |state: &State| -> BTreeSet<String> {
                state.waiting().into_iter().map(|(_, notice)| notice.key.clone()).collect()
            };
            let before = keys(state);
            let seen = world.seen(state);
            state.take(now, seen, 1_000);
            state.step(now, &alerting, &registry, &|_| None);
            let made = state.waiting().into_iter().filter(|(_, notice)| !before.contains(&notice.key));
            for alert in made.flat_map(|(_, notice)| &notice.alerts).filter(|alert| alert.end.is_none()) {
                let antenna: u8 = alert.antenna_id.parse().expect("a number");
                prop_assert!(!world.is_unreachable(antenna), "{:?} {:?}", alert, world);
                if world.is_down(antenna) {
                    prop_assert_eq!(alert.behind, world.behind(antenna), "{:?} {:?}", alert, world);
                }
            }
            Ok(())
        };
        let mut played = Played::through(steps, turn)?;
        // What was in front is back for long enough, or down.
        played.go_on(RETURN_MS / 10_000 + 4, turn)?;
        let told = |mailbox: &Mailbox, receiver: &str, incident: &Incident| {
            mailbox.phases.get(&(receiver.to_owned(), incident.id())).cloned().unwrap_or_default()
        };
        let Played { world, mailbox, .. } = &played;
        for (antenna, open) in world.open.iter().filter(|(antenna, _)| !world.is_unreachable(**antenna)) {
            let told = ["a", "b"].map(|receiver| told(mailbox, receiver, open));
            prop_assert!(told.iter().all(|it| it.last().is_some_and(|last| last != "ended")), "{} {:?}", antenna, told);
        }
        played.world.end_all(played.now);
        played.go_on(4, turn)?;
        let Played { world, mailbox, state, .. } = played;
        for incident in &world.ended {
            for receiver in ["a", "b"] {
                let told = told(&mailbox, receiver, incident);
                let is_whole = told.last().map(String::as_str) == Some("ended");
                prop_assert!(is_whole || (told.is_empty() && world.was_unreachable(incident)), "{:?} {:?}", incident, told);
            }
        }
        prop_assert!(mailbox.keys.values().all(|keys| keys.len() == 1), "{:?}", mailbox.keys);
        prop_assert!(state.waiting().is_empty() && state.incidents.is_empty(), "{:?}", state);
    }
}

/// What is known of a success rate as time passes: how long it is since the look before, the rate in tenths where it is known, and whether the process
/// is killed behind it.
fn looks() -> impl Strategy<Value = Vec<(i64, Option<u32>, bool)>> {
    let rate = prop::option::weighted(0.8, prop_oneof![0..=4_u32, 5..=10_u32]);
    prop::collection::vec((1..4_000_i64, rate, prop::bool::weighted(0.2)), 1..80)
}

/// Phases of what each incident that matters was told to the first receiver, in order.
fn phases_of(mailbox: &Mailbox, kind: &str) -> Vec<String> {
    let told = mailbox.phases.iter().filter(|((receiver, id), _)| receiver == "a" && id.starts_with(kind));
    told.flat_map(|(_, phases)| phases.clone()).collect()
}

/// How many are down, and since when nothing was read, is asked at each moment: what is beyond a limit for as long as the rule holds it back is
/// told, and its end.
#[test]
fn rules_of_the_share_that_is_down_and_of_readings_are_told_from_their_beginning_to_their_end() {
    let file = format!(
        "{FILE}
        [[rule]]
        name = \"many\"
        down_share_above = 0.5
        hold = \"10s\"
        [[rule]]
        name = \"none\"
        no_readings_for = \"30s\"
    "
    );
    let alerting = Alerting::parse(&file).expect("a good file");
    let (mut state, mut mailbox) = (State::default(), Mailbox::default());
    let mut turn = |second: i64, down_share: Option<f64>, last_reading_s: i64| {
        let now = UnixMillis(BEGINNING + second * 1_000);
        let last_reading = Some(UnixMillis(BEGINNING + last_reading_s * 1_000));
        state.take(now, Seen::default(), 1_000);
        state.judge(now, &alerting, &Network { down_share, last_reading, ..Network::default() });
        state.step(now, &alerting, &Antennas::default(), &|_| None);
        deliver(&mut state, now, &mut mailbox);
        let lasting = state.incidents.values().filter(|it| it.incident.end.is_none()).count();
        (phases_of(&mailbox, "network").len(), lasting)
    };
    // Half is not more than half, and what was beyond it for too short a time is nothing.
    for (second, share) in [(0, 0.5), (1, 0.6), (10, 0.6), (11, 0.4)] {
        assert_eq!(turn(second, Some(share), second), (0, 0), "{second}");
    }
    // Unknown is as it was: the ten seconds go on.
    assert_eq!(turn(20, Some(0.6), 20), (0, 0));
    assert_eq!(turn(25, None, 20), (0, 0));
    assert_eq!(turn(30, Some(0.7), 20), (0, 1));
    assert_eq!(turn(33, Some(0.7), 20), (1, 1), "behind the group's wait");
    // Nothing was read for half a minute.
    assert_eq!(turn(50, Some(0.7), 20).1, 2);
    assert_eq!(turn(56, Some(0.7), 20), (2, 2), "behind the group's interval");
    assert_eq!(turn(60, Some(0.0), 59).1, 0);
    assert_eq!(turn(70, Some(0.0), 69), (4, 0));
    assert_eq!(phases_of(&mailbox, "network:"), ["began", "ended", "began", "ended"]);
}

/// An antenna that comes and goes is told once as flapping and, where that is wanted, of nothing else until it is calm.
#[test]
fn an_antenna_that_flaps_is_told_as_flapping_and_where_that_is_damped_as_nothing_else() {
    for is_damped in [false, true] {
        let alerting = Alerting::parse(&FILE.replace("damping = false", &format!("damping = {is_damped}")));
        let alerting = alerting.expect("a good file");
        let (mut world, mut mailbox, mut now) = (World::default(), Mailbox::default(), UnixMillis(BEGINNING));
        let mut state = State::default();
        let mut turn = |world: &World, now: UnixMillis, mailbox: &mut Mailbox| {
            let seen = world.seen(&state);
            // The second end, and what follows.
            state.take(now, seen, 4);
            state.step(now, &alerting, &Antennas::default(), &|_| None);
            deliver(&mut state, now, mailbox);
        };
        turn(&world, now, &mut mailbox);
        let mut told_before = 0;
        for round in 0..5 {
            for step in [Step::Begin(1), Step::Wait(10_000), Step::End(1), Step::Wait(10_000)] {
                world.pass(step, &mut now);
                turn(&world, now, &mut mailbox);
            }
            if round == 1 {
                told_before = phases_of(&mailbox, "trouble:").len();
            }
        }
        let told = phases_of(&mailbox, "trouble:").len();
        assert!(told_before >= 3, "{told_before}");
        assert_eq!(told > told_before + 1, !is_damped, "{told} behind {told_before}");
        assert_eq!(phases_of(&mailbox, "flapping:").first().map(String::as_str), Some("began"));
        // A quarter of an hour without a change.
        now.0 += 16 * 60_000;
        for _ in 0..3 {
            turn(&world, now, &mut mailbox);
            now.0 += 10_000;
        }
        assert_eq!(phases_of(&mailbox, "flapping:").last().map(String::as_str), Some("ended"));
    }
}

proptest! {
    /// A rule is told of each stretch in which the rate was never known to be well and that lasted long enough, from its beginning on, with the
    /// lowest rate behind that, and of nothing else; what is not known changes nothing, nor does a crash.
    #[test]
    fn a_rule_of_a_success_rate_is_told_of_each_stretch_below_it_through_any_crash(
        looks in looks(),
        hold_s in 0..8_i64,
    ) {
        let file = format!("
            [[receiver]]
            name = \"a\"
            type = \"webhook\"
            url = \"http://localhost/\"
            [[route]]
            receivers = [\"a\"]
            sites = [\"nor*\"]
            group_wait = \"0s\"
            group_interval = \"0s\"
            repeat = \"0s\"
            [[rule]]
            name = \"north\"
            success_rate_below = 0.5
            site = \"north\"
            hold = \"{hold_s}s\"
            [[rule]]
            name = \"all\"
            success_rate_below = 0.5
        ");
        let alerting = Alerting::parse(&file).expect("a good file");
        let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
        let mut committed = state.encode().expect("JSON");
        let (mut told, mut expected) = (Vec::new(), Vec::new());
        let (mut below_since, mut lowest): (Option<UnixMillis>, Option<f64>) = (None, None);
        for (wait_ms, tenths, is_killed) in looks {
            now.0 += wait_ms;
            let rate = tenths.map(|tenths| f64::from(tenths) / 10.0);
            match rate {
                Some(rate) if rate < 0.5 => {
                    let since = *below_since.get_or_insert(now);
                    if lowest.is_none() && now.0 - since.0 >= hold_s * 1_000 {
                        expected.push((since, "began".to_owned(), Some(rate)));
                        lowest = Some(rate);
                    }
                    lowest = lowest.map(|lowest| lowest.min(rate));
                }
                Some(_) => {
                    if let Some((since, lowest)) = below_since.take().zip(lowest.take()) {
                        expected.push((since, "ended".to_owned(), Some(lowest)));
                    }
                }
                None => {}
            }
            let rates = |name: &str| rate.map(|rate| (name.to_owned(), rate));
            let success_rates = ["north", "all"].into_iter().filter_map(rates).collect();
            let mut is_changed = state.take(now, Seen::default(), 1_000);
            is_changed |= state.judge(now, &alerting, &Network { success_rates, ..Network::default() });
            is_changed |= state.step(now, &alerting, &Antennas::default(), &|_| None);
            if is_changed {
                committed = state.encode().expect("JSON");
            }
            if is_killed {
                state = State::decode(&committed).expect("a state");
            }
            let waiting = state.waiting();
            let alerts = waiting.iter().flat_map(|(_, notice)| &notice.alerts);
            for alert in alerts {
                prop_assert_eq!((&*alert.antenna_id, alert.kind), ("north", AlertKind::Network));
                prop_assert_eq!(alert.site.as_deref(), Some("north"));
                told.push((alert.start, alert.phase.clone(), alert.worst_success_rate));
            }
            if !state.waiting().is_empty() {
                deliver(&mut state, now, &mut Mailbox::default());
                committed = state.encode().expect("JSON");
            }
        }
        prop_assert_eq!(told, expected);
    }
}

#[test]
fn a_rule_that_is_taken_out_of_the_file_is_over_and_one_in_maintenance_is_told_behind_it() {
    let rule = "[[rule]]\nname = \"rate\"\nsuccess_rate_below = 0.9\n";
    let quiet = format!(
        "{FILE}{rule}[[maintenance]]\nname = \"works\"\nantennas = [\"rate\"]\nstart = {}\nend = {}\n",
        WINDOW.start, WINDOW.end
    );
    let network = Network { success_rates: BTreeMap::from([("rate".to_owned(), 0.25)]), ..Network::default() };
    let turn = |state: &mut State, now: UnixMillis, file: &str| {
        let alerting = Alerting::parse(file).expect("a good file");
        state.judge(now, &alerting, &network);
        told_in_turn(state, now, &[], (&alerting, &Antennas::default()))
    };
    let mut state = State::default();
    let mut told = Vec::new();
    for second in 0..60 {
        let now = UnixMillis(BEGINNING + 10_000 + second * 1_000);
        let file = if second < 50 { &quiet } else { FILE };
        told.extend(turn(&mut state, now, file).into_iter().map(|(receiver, it)| (second, receiver, it)));
    }
    let told: Vec<_> = told
        .iter()
        .filter(|(_, receiver, _)| receiver == "a")
        .map(|(second, _, it)| (*second, &*it.phase, it.ended_by, it.worst_success_rate))
        .collect();
    // It is told as soon as the window is over, and its end once the group may be told again.
    assert_eq!(told, [(32, "began", None, Some(0.25)), (50, "ended", Some(AlertEnding::Withdrawn), Some(0.25))]);
    assert!(state.incidents.is_empty() && state.rules.is_empty());
}

/// A degraded antenna "1", looked at every second for so long, told to receivers that take everything at once. Gives the phases that
/// `a` is told, each with the second.
fn told_of_one(state: &mut State, now: &mut UnixMillis, seconds: u32, incident: &Incident) -> Vec<(i64, String)> {
    let alerting = Alerting::parse(FILE).expect("a good file");
    let mut told = Vec::new();
    for turn in 0..seconds {
        let mut seen = Seen::default();
        match incident.end {
            None => seen.open.push(("s".to_owned(), incident.clone())),
            // That it ended is seen once.
            Some(_) if turn == 0 => seen.ended.push(("s".to_owned(), incident.clone())),
            Some(_) => {}
        }
        state.take(*now, seen, 1_000);
        state.step(*now, &alerting, &Antennas::default(), &|_| None);
        let second = (now.0 - BEGINNING) / 1_000;
        let new = state.waiting().into_iter().filter(|(_, notice)| notice.receiver == "a");
        told.extend(new.flat_map(|(_, it)| &it.alerts).map(|alert| (second, alert.phase.clone())));
        deliver(state, *now, &mut Mailbox::default());
        now.0 += 1_000;
    }
    told
}

fn phases(told: &[(i64, String)]) -> Vec<(i64, &str)> {
    told.iter().map(|(second, phase)| (*second, phase.as_str())).collect()
}

#[test]
fn what_is_acknowledged_is_not_repeated_and_its_end_is_told() {
    let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
    let mut incident = Incident::begun("1", AlertKind::Degraded, now);
    let told = told_of_one(&mut state, &mut now, 100, &incident);
    assert_eq!(phases(&told), [(2, "began"), (62, "lasts")]);
    let (note, by) = ("mine".to_owned(), "ana".to_owned());
    let order = Order::Acknowledge(NewAcknowledgement { incident: incident.id(), note, by });
    state.carry_out(now, &order).expect("it lasts");
    assert_eq!(told_of_one(&mut state, &mut now, 200, &incident), []);
    incident.kind = AlertKind::Down;
    assert_eq!(phases(&told_of_one(&mut state, &mut now, 100, &incident)), [(300, "worse")]);
    let unacknowledge = Order::Unacknowledge { incident: incident.id(), by: "eva".to_owned() };
    state.carry_out(now, &unacknowledge).expect("it was");
    assert_eq!(phases(&told_of_one(&mut state, &mut now, 10, &incident)), [(400, "lasts")]);
    state.carry_out(now, &order).expect("it lasts");
    incident.end = Some((now, AlertEnding::Recovered));
    assert_eq!(phases(&told_of_one(&mut state, &mut now, 10, &incident)), [(410, "ended")]);
    assert!(state.acknowledgements.contains_key(&incident.id()) && !state.is_open(&incident.id()));
}

#[test]
fn a_mute_ends_by_itself_and_what_lasts_is_told_then() {
    let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
    let mute = |until_s: i64| NewMute {
        antennas: "?".to_owned(),
        until: UnixMillis(BEGINNING + until_s * 1_000),
        reason: "works".to_owned(),
        by: "ana".to_owned(),
    };
    state.carry_out(now, &Order::Mute(mute(50))).expect("a mute");
    let incident = Incident::begun("1", AlertKind::Degraded, now);
    assert_eq!(phases(&told_of_one(&mut state, &mut now, 60, &incident)), [(52, "began")]);
    // What ends while it is muted was told before, and is told to its end behind that.
    state.carry_out(now, &Order::Mute(mute(80))).expect("a mute");
    let ended = Incident { end: Some((now, AlertEnding::Recovered)), ..incident };
    assert_eq!(phases(&told_of_one(&mut state, &mut now, 60, &ended)), [(80, "ended")]);
    // What begins and ends while it is muted is told to nobody, also if it is seen only behind that.
    let start = UnixMillis(BEGINNING + 70_000);
    let passed = Incident { end: Some((UnixMillis(start.0 + 5_000), AlertEnding::Recovered)), start, ..ended };
    assert_eq!(told_of_one(&mut state, &mut now, 10, &passed), []);
}

/// What a registry says that is such a spreadsheet.
fn antennas(csv: &str) -> Antennas {
    Antennas::from(Arc::new(Registry::read(csv.as_bytes(), Notation::Csv).expect("a registry")))
}

/// What was seen of incidents: those that last, and those that are over.
fn seen(incidents: &[Incident]) -> Seen {
    let of = |is_open: bool| {
        let some = incidents.iter().filter(move |it| it.end.is_none() == is_open);
        some.map(|it| ("s".to_owned(), it.clone())).collect()
    };
    Seen { open: of(true), ended: of(false), ..Seen::default() }
}

/// Antennas of each site.
const AT_A_SITE: u64 = 20;

/// What receivers are told in a turn: each of them takes it at once.
fn told_in_turn(
    state: &mut State,
    now: UnixMillis,
    incidents: &[Incident],
    (alerting, antennas): (&Alerting, &Antennas),
) -> Vec<(String, Alert)> {
    state.take(now, seen(incidents), 1_000);
    let sizing = |wanted: &BTreeSet<Arc<str>>| Some(wanted.iter().map(|site| (Arc::clone(site), AT_A_SITE)).collect());
    state.step(now, alerting, antennas, &sizing);
    let waiting = state.waiting().into_iter();
    let told =
        waiting.flat_map(|(_, notice)| notice.alerts.iter().map(move |it| (notice.receiver.clone(), it.clone())));
    let told = told.collect();
    deliver(state, now, &mut Mailbox::default());
    told
}

#[test]
fn routes_go_by_site_and_label_and_who_was_told_of_the_beginning_is_told_of_the_end_in_the_same_words() {
    let receiver =
        |name: &str| format!("[[receiver]]\nname = {name:?}\ntype = \"slack\"\nurl = \"http://localhost/\"\n");
    let at_once = "group_by = [\"site\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n";
    let file = ["north", "acme", "others"].map(receiver).concat()
        + "[[route]]\nreceivers = [\"north\"]\nsites = [\"nor*\", \"[*]\"]\n"
        + at_once
        + "[[route]]\nreceivers = [\"acme\"]\nlabels = { vendor = [\"acme\", \"e?ca\"], ring = [\"1\"] }\n"
        + at_once
        + "[[route]]\nreceivers = [\"others\"]\n"
        + at_once;
    let alerting = Alerting::parse(&file).expect("a good file");
    let before = antennas(
        "id,name,site,label:vendor,label:ring\n1,One,north,acme,1\n2,Two,south,emca,1\n3,,south,acme,2\n\"*\",Any,,acme,1\n",
    );
    let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
    let mut down: Vec<Incident> =
        ["1", "2", "3", "4"].map(|antenna| Incident::begun(antenna, AlertKind::Down, now)).to_vec();
    // Rules have names of their own, of which the registry says nothing.
    down.push(Incident::begun("1", AlertKind::Network, now));
    let told = told_in_turn(&mut state, now, &down, (&alerting, &before));
    // Receiver, antenna, kind, name and site.
    type Told = (String, String, AlertKind, Option<String>, Option<String>);
    let of = |told: &[(String, Alert)]| -> BTreeSet<Told> {
        let of = |(receiver, it): &(String, Alert)| {
            (receiver.clone(), it.antenna_id.clone(), it.kind, it.name.clone(), it.site.clone())
        };
        told.iter().map(of).collect()
    };
    let is_told = |receiver: &str, antenna: &str, kind: AlertKind, name: Option<&str>, site: Option<&str>| {
        (receiver.to_owned(), antenna.to_owned(), kind, name.map(str::to_owned), site.map(str::to_owned))
    };
    let expected = BTreeSet::from([
        is_told("north", "1", AlertKind::Down, Some("One"), Some("north")),
        is_told("acme", "2", AlertKind::Down, Some("Two"), Some("south")),
        is_told("others", "3", AlertKind::Down, Some("Any"), Some("south")),
        is_told("acme", "4", AlertKind::Down, Some("Any"), None),
        is_told("others", "1", AlertKind::Network, None, None),
    ]);
    assert_eq!(of(&told), expected);
    let sites: BTreeSet<_> = state.groups.values().map(|group| (&*group.receiver, &*group.common["site"])).collect();
    assert_eq!(
        sites,
        BTreeSet::from([("north", "north"), ("acme", "south"), ("acme", ""), ("others", "south"), ("others", "")])
    );

    // Whatever the file says from now on, also behind a crash.
    let after = antennas("id,name,site\n1,Uno,south\n4,Four,north\n");
    state = State::decode(&state.encode().expect("JSON")).expect("a state");
    now.0 += 1_000;
    assert_eq!(told_in_turn(&mut state, now, &down, (&alerting, &after)), []);
    down.iter_mut().for_each(|it| it.end = Some((now, AlertEnding::Recovered)));
    let over = told_in_turn(&mut state, now, &down, (&alerting, &after));
    assert!(over.iter().all(|(_, it)| it.phase == "ended"), "{over:?}");
    assert_eq!(of(&over), expected);
    assert!(state.incidents.is_empty());
}

#[test]
fn what_the_version_before_registries_committed_is_gone_on_with() {
    let alerting = Alerting::parse(FILE).expect("a good file");
    let now = UnixMillis(BEGINNING);
    let (mut state, down) = (State::default(), Incident::begun("1", AlertKind::Down, now));
    state.take(now, seen(std::slice::from_ref(&down)), 1_000);
    state.step(now, &alerting, &Antennas::default(), &|_| None);
    let later = UnixMillis(now.0 + 2_000);
    state.step(later, &alerting, &Antennas::default(), &|_| None);
    let mut committed: Value = serde_json::from_slice(&state.encode().expect("JSON")).expect("JSON");
    let known = committed["incidents"][down.id()].as_object_mut().expect("an incident");
    known.retain(|name, _| ["incident", "stream", "lanes", "is_settled"].contains(&&**name));
    for group in committed["groups"].as_object_mut().expect("groups").values_mut() {
        let alert = group["notice"]["alerts"][0].as_object_mut().expect("an alert");
        alert.retain(|name, _| !["name", "site", "labels", "behind"].contains(&&**name));
    }
    let mut state = State::decode(committed.to_string().as_bytes()).expect("a state");
    let registry = antennas("id,name\n1,One\n");
    assert_eq!(state.waiting().len(), 2);
    deliver(&mut state, later, &mut Mailbox::default());
    let over = Incident { end: Some((later, AlertEnding::Recovered)), ..down };
    let much_later = UnixMillis(later.0 + 10_000);
    let told = told_in_turn(&mut state, much_later, &[over], (&alerting, &registry));
    let told: Vec<_> = told.iter().map(|(receiver, it)| (&**receiver, &*it.phase, it.name.as_deref())).collect();
    assert_eq!(told, [("a", "ended", Some("One")), ("b", "ended", Some("One"))]);
}

#[test]
fn nobody_is_told_of_an_antenna_that_the_registry_mutes_until_it_does_not_any_more() {
    let alerting = Alerting::parse(FILE).expect("a good file");
    let [muted, loud] = ["true", "false"].map(|muted| antennas(&format!("id,muted\n\"*\",{muted}\n2,false\n")));
    let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
    let mut incidents: Vec<Incident> =
        ["1", "2", "3"].map(|antenna| Incident::begun(antenna, AlertKind::Down, now)).to_vec();
    // A rule is no antenna, whatever it is called.
    incidents.push(Incident::begun("1", AlertKind::Network, now));
    let mut turns = |state: &mut State, incidents: &[Incident], antennas: &Antennas| {
        let mut told = Vec::new();
        for _ in 0..8 {
            told.extend(told_in_turn(state, now, incidents, (&alerting, antennas)));
            now.0 += 1_000;
        }
        let of_a = told.into_iter().filter(|(receiver, _)| receiver == "a");
        let told: BTreeSet<_> = of_a.map(|(_, it)| (it.antenna_id, it.kind, it.phase)).collect();
        (told, AlertHeld::of(state.held(now, &alerting, antennas).into_values()))
    };
    let is_told = |antenna: &str, kind, phase: &str| (antenna.to_owned(), kind, phase.to_owned());
    let (told, held) = turns(&mut state, &incidents, &muted);
    let began = [("2", AlertKind::Down), ("1", AlertKind::Network)].map(|(it, kind)| is_told(it, kind, "began"));
    assert_eq!(told, BTreeSet::from(began));
    assert_eq!((held, state.incidents.len()), (AlertHeld { muted: 2, ..AlertHeld::default() }, 4));
    // What ends meanwhile is told to nobody; what lasts is told once it is muted no more.
    incidents[2].end = Some((UnixMillis(BEGINNING + 8_000), AlertEnding::Recovered));
    assert_eq!(turns(&mut state, &incidents, &muted).0, BTreeSet::new());
    incidents.remove(2);
    let (told, held) = turns(&mut state, &incidents, &loud);
    assert_eq!(told, BTreeSet::from([is_told("1", AlertKind::Down, "began")]));
    assert_eq!(held, AlertHeld::default());
}

const UPLINK: &str = "id,site,parent,uplink\nnorth-gw,north,,true\nnorth-*,north,site:north,\n";

#[test]
fn a_parent_with_five_hundred_antennas_behind_it_sends_one_message_also_where_they_are_judged_before_it() {
    let (alerting, registry) = (Alerting::parse(FILE).expect("a good file"), antennas(UPLINK));
    // Something else was told before, so the group does not wait for more.
    for is_group_known in [false, true] {
        let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
        let mut incidents = Vec::new();
        if is_group_known {
            incidents.push(Incident::begun("south-1", AlertKind::Silent, now));
            for _ in 0..10 {
                told_in_turn(&mut state, now, &incidents, (&alerting, &registry));
                now.0 += 1_000;
            }
        }
        let children: Vec<Incident> =
            (0..500).map(|it| Incident::begun(&format!("north-{it}"), AlertKind::Silent, now)).collect();
        incidents.extend(children.iter().cloned());
        let mut told = told_in_turn(&mut state, now, &incidents, (&alerting, &registry));
        now.0 += 1_900;
        told.extend(told_in_turn(&mut state, now, &incidents, (&alerting, &registry)));
        incidents.push(Incident::begun("north-gw", AlertKind::Silent, UnixMillis(BEGINNING)));
        for _ in 0..600 {
            told.extend(told_in_turn(&mut state, now, &incidents, (&alerting, &registry)));
            now.0 += 100;
        }
        let of_a = told.into_iter().filter(|(receiver, it)| receiver == "a" && it.antenna_id != "south-1");
        let of_a: Vec<_> = of_a.map(|(_, it)| (it.antenna_id, it.phase, it.behind)).collect();
        assert_eq!(of_a, [("north-gw".to_owned(), "began".to_owned(), 500)], "{is_group_known}");
        let held = AlertHeld::of(state.held(now, &alerting, &registry).into_values());
        assert_eq!(held, AlertHeld { unreachable: 500, ..AlertHeld::default() });
    }
}

#[test]
fn antennas_behind_a_parent_that_is_back_have_a_minute_and_those_that_stay_down_are_told() {
    let (alerting, registry) = (Alerting::parse(FILE).expect("a good file"), antennas(UPLINK));
    let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
    let parent = Incident::begun("north-gw", AlertKind::Down, now);
    let [one, two] = ["north-1", "north-2"].map(|antenna| Incident::begun(antenna, AlertKind::Silent, now));
    let mut turns = |state: &mut State, seconds: i64, incidents: &[Incident], registry: &Antennas| {
        let mut told = Vec::new();
        for second in 0..seconds {
            // That one is over is seen once.
            let seen: Vec<Incident> = incidents.iter().filter(|it| second == 0 || it.end.is_none()).cloned().collect();
            let some = told_in_turn(state, now, &seen, (&alerting, registry));
            let of_a = some.into_iter().filter(|(receiver, _)| receiver == "a");
            told.extend(of_a.map(|(_, it)| (it.antenna_id.clone(), it.phase.clone(), it.behind)));
            now.0 += 1_000;
        }
        told
    };
    let is_told = |antenna: &str, phase: &str, behind: u64| (antenna.to_owned(), phase.to_owned(), behind);
    let told = turns(&mut state, 30, &[parent.clone(), one.clone(), two.clone()], &registry);
    assert_eq!(told, [is_told("north-gw", "began", 2)]);
    let at = |second: i64| Some((UnixMillis(BEGINNING + second * 1_000), AlertEnding::Recovered));
    let told = turns(&mut state, 1, &[Incident { end: at(30), ..parent.clone() }, one.clone(), two.clone()], &registry);
    assert_eq!(told, [is_told("north-gw", "ended", 2)]);
    // It is kept through a crash.
    state = State::decode(&state.encode().expect("JSON")).expect("a state");
    assert_eq!(turns(&mut state, 1, &[one.clone(), Incident { end: at(31), ..two }], &registry), []);
    assert_eq!(turns(&mut state, 57, std::slice::from_ref(&one), &registry), []);
    assert_eq!(turns(&mut state, 10, std::slice::from_ref(&one), &registry), [is_told("north-1", "began", 0)]);
    // It was told by itself, so its end is too, though the parent is down again.
    let again = Incident { start: UnixMillis(BEGINNING + 99_000), ..parent };
    let told = turns(&mut state, 10, &[again.clone(), one.clone()], &registry);
    assert_eq!(told, [is_told("north-gw", "began", 1)]);
    let three = Incident::begun("north-3", AlertKind::Degraded, again.start);
    let told = turns(&mut state, 10, &[again.clone(), three.clone(), Incident { end: at(100), ..one }], &registry);
    assert_eq!(told, [is_told("north-1", "ended", 0)]);
    // Where the registry puts it behind nobody any more, there is nothing to wait for.
    let apart = antennas("id\nnorth-gw\n");
    let told = turns(&mut state, 10, &[again, three], &apart);
    assert_eq!(told, [is_told("north-3", "began", 0)]);
}

#[test]
fn a_site_of_which_more_than_half_goes_down_within_a_minute_is_one_alert_until_half_is_back() {
    let registry = antennas("id,site\nn-*,north\n");
    let down = |number: i64, second: i64| {
        Incident::begun(&format!("n-{number:02}"), AlertKind::Down, UnixMillis(BEGINNING + second * 1_000))
    };
    let turns = |state: &mut State, file: &str, seconds: std::ops::Range<i64>, incidents: &[Incident]| {
        let alerting = Alerting::parse(file).expect("a good file");
        let mut told = Vec::new();
        for second in seconds.clone() {
            // What is over is seen once, and what begins when it does.
            let now = UnixMillis(BEGINNING + second * 1_000);
            let is_seen = |it: &&Incident| it.start <= now && (second == seconds.start || it.end.is_none());
            let seen: Vec<Incident> = incidents.iter().filter(is_seen).cloned().collect();
            let some = told_in_turn(state, now, &seen, (&alerting, &registry));
            let of_a = some.into_iter().filter(|(receiver, it)| receiver == "a" && it.phase != "lasts");
            told.extend(of_a.map(|(_, it)| (it.antenna_id, it.kind, it.phase, it.behind)));
        }
        told
    };
    let is_told =
        |antenna: &str, kind: AlertKind, phase: &str, behind: u64| (antenna.to_owned(), kind, phase.to_owned(), behind);
    let each = |numbers: std::ops::Range<i64>| -> Vec<_> {
        numbers.map(|it| is_told(&format!("n-{it:02}"), AlertKind::Down, "began", 0)).collect()
    };
    let eleven: Vec<Incident> = (0..11).map(|it| down(it, 0)).collect();
    // Half of it, or more than half in more than a minute, are antennas.
    assert_eq!(turns(&mut State::default(), FILE, 0..30, &eleven[..10]), each(0..10));
    let slowly: Vec<Incident> = (0..11).map(|it| down(it, if it < 6 { 0 } else { 61 })).collect();
    assert_eq!(turns(&mut State::default(), FILE, 0..90, &slowly), each(0..11));
    // As they are for who would not be told of the site.
    let only_down = format!("{FILE}\nkinds = [\"down\"]");
    assert_eq!(turns(&mut State::default(), &only_down, 0..30, &eleven), each(0..11));

    let mut state = State::default();
    assert_eq!(turns(&mut state, FILE, 0..30, &eleven), [is_told("north", AlertKind::Site, "began", 11)]);
    state = State::decode(&state.encode().expect("JSON")).expect("a state");
    let mut twelve = eleven;
    twelve.push(down(11, 30));
    assert_eq!(turns(&mut state, FILE, 30..40, &twelve), []);
    // One is back, which is not half of them; then one more.
    for (number, from) in [(0, 40), (1, 50)] {
        twelve[number].end = Some((UnixMillis(BEGINNING + from * 1_000), AlertEnding::Recovered));
    }
    let over = [is_told("north", AlertKind::Site, "ended", 10)];
    assert_eq!(turns(&mut state, FILE, 40..41, &[&twelve[..1], &twelve[2..]].concat()), []);
    assert_eq!(turns(&mut state, FILE, 50..109, &twelve[1..]), over);
    assert_eq!(turns(&mut state, FILE, 109..130, &twelve[2..]), each(2..12));
}
