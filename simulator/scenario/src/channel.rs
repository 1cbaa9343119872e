//! Packet losses in bursts: a Gilbert-Elliott channel.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution as _, Geometric};

/// The probabilities of a Gilbert-Elliott channel, per packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// From the good state to the bad one.
    pub to_bad: f64,
    /// From the bad state to the good one.
    pub to_good: f64,
    /// That a packet is lost in the good state.
    pub loss_good: f64,
    /// That a packet is lost in the bad state.
    pub loss_bad: f64,
}

impl Channel {
    /// The share of packets lost in the long run: the losses of both states, weighted by the chain's stationary
    /// distribution (Elliott 1963, "Estimates of error rates for codes on burst-noise channels").
    #[must_use]
    pub fn long_run_loss(&self) -> f64 {
        let bad = self.to_bad / (self.to_bad + self.to_good);
        bad * self.loss_bad + (1.0 - bad) * self.loss_good
    }
}

/// A channel whose losses come in bursts: a Markov chain of a good and a bad state, with one step per packet.
///
/// It draws how long a state lasts instead of every step, so that its cost does not grow with the number of packets.
#[derive(Debug, Clone)]
pub struct GilbertElliott {
    channel: Channel,
    good_lasts: Geometric,
    bad_lasts: Geometric,
    in_bad: bool,
    packets_left_in_state: u64,
}

impl GilbertElliott {
    /// A channel that starts at the end of a bad stretch.
    ///
    /// # Panics
    /// If one of the four is not a probability.
    #[must_use]
    pub fn new(channel: &Channel) -> Self {
        Self {
            channel: *channel,
            good_lasts: Geometric::new(channel.to_bad).expect("a probability"),
            bad_lasts: Geometric::new(channel.to_good).expect("a probability"),
            in_bad: true,
            packets_left_in_state: 0,
        }
    }

    /// Goes to the end of a bad stretch.
    pub const fn restart(&mut self) {
        (self.in_bad, self.packets_left_in_state) = (true, 0);
    }

    /// Sends `packets` and returns how many of them are lost.
    pub fn losses(&mut self, packets: u32, rng: &mut ChaCha8Rng) -> u32 {
        let mut to_send = u64::from(packets);
        let mut lost = 0;
        while to_send > 0 {
            if self.packets_left_in_state == 0 {
                self.in_bad = !self.in_bad;
                let lasts = if self.in_bad { &self.bad_lasts } else { &self.good_lasts };
                self.packets_left_in_state = lasts.sample(rng).saturating_add(1);
            }
            let run = to_send.min(self.packets_left_in_state);
            let loss = if self.in_bad { self.channel.loss_bad } else { self.channel.loss_good };
            lost += Binomial::new(run, loss).expect("a probability").sample(rng);
            self.packets_left_in_state -= run;
            to_send -= run;
        }
        u32::try_from(lost).expect("no more are lost than were sent")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;

    proptest! {
        #[test]
        fn losses_never_exceed_packets(
            seed: u64, to_bad in 0.001..=1.0, to_good in 0.001..=1.0, loss_good in 0.0..=1.0, loss_bad in 0.0..=1.0,
            packets in 0_u32..10_000
        ) {
            let mut channel = GilbertElliott::new(&Channel { to_bad, to_good, loss_good, loss_bad });
            prop_assert!(channel.losses(packets, &mut ChaCha8Rng::seed_from_u64(seed)) <= packets);
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "a few million packets are exact in a double")]
    fn losses_come_near_the_formula_in_the_long_run() {
        let channel = Channel { to_bad: 0.02, to_good: 0.1, loss_good: 0.001, loss_bad: 0.4 };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut chain = GilbertElliott::new(&channel);
        let packets = 5_000_000_u64;
        let lost: u64 = (0..packets / 100).map(|_| u64::from(chain.losses(100, &mut rng))).sum();
        let (share, expected) = (lost as f64 / packets as f64, channel.long_run_loss());
        assert!((share / expected - 1.0).abs() < 0.02, "{share} is not near {expected}");
    }

    #[test]
    fn losses_come_in_bursts() {
        let channel = Channel { to_bad: 0.001, to_good: 0.1, loss_good: 0.0, loss_bad: 0.5 };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut chain = GilbertElliott::new(&channel);
        let losses: Vec<bool> = (0..500_000).map(|_| chain.losses(1, &mut rng) == 1).collect();
        let pairs = losses.windows(2).filter(|pair| pair[0]).count();
        let both = losses.windows(2).filter(|pair| pair[0] && pair[1]).count();
        // After a loss the next packet is lost with probability 0.9 x 0.5; with independent losses it would be half a
        // percent.
        assert!(both * 3 > pairs, "{both} of {pairs} losses are followed by a loss");
    }
}
