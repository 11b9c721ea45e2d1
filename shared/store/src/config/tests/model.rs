//! Any sequence of changes against a model that is plainly right.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Set(u8, Option<bool>),
    Rollback(u64),
    Delete,
}

/// One key: what each version holds, and whether that is hidden.
#[derive(Debug, Default)]
struct Model {
    versions: Vec<(Option<u8>, bool)>,
    is_sensitive: bool,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Made,
    Same,
    Unknown,
    NoVersion,
    Conflict,
    Invalid,
}

impl Model {
    fn live(&self) -> Option<u8> {
        self.versions.last().and_then(|(value, _)| *value)
    }

    fn step(&mut self, step: &Step, expected: Option<u64>) -> Outcome {
        let newest = self.versions.len() as u64;
        if expected.is_some_and(|version| self.live().is_none() || version != newest) {
            return Outcome::Conflict;
        }
        match step {
            Step::Delete if self.live().is_none() => Outcome::Unknown,
            Step::Delete => {
                self.versions.push((None, false));
                Outcome::Made
            }
            Step::Set(value, sensitive) => self.put(*value, sensitive.unwrap_or(self.is_sensitive)),
            Step::Rollback(_) if newest == 0 => Outcome::Unknown,
            Step::Rollback(version) => {
                let found = usize::try_from(*version).ok().and_then(|n| n.checked_sub(1));
                match found.and_then(|n| self.versions.get(n)).copied() {
                    None => Outcome::NoVersion,
                    Some((None, _)) => Outcome::Invalid,
                    Some((Some(value), hidden)) => self.put(value, hidden || self.is_sensitive),
                }
            }
        }
    }

    fn put(&mut self, value: u8, sensitive: bool) -> Outcome {
        if self.live() == Some(value) && self.is_sensitive == sensitive {
            return Outcome::Same;
        }
        if sensitive && !self.is_sensitive {
            for (value, hidden) in &mut self.versions {
                *hidden = value.is_some();
            }
        }
        self.is_sensitive = sensitive;
        self.versions.push((Some(value), sensitive));
        Outcome::Made
    }
}

fn outcome(made: &Result<ConfigDone, ConfigRefusal>) -> Outcome {
    match made {
        Ok(done) if done.is_changed => Outcome::Made,
        Ok(_) => Outcome::Same,
        Err(ConfigRefusal::Unknown) => Outcome::Unknown,
        Err(ConfigRefusal::NoVersion(_)) => Outcome::NoVersion,
        Err(ConfigRefusal::Conflict) => Outcome::Conflict,
        Err(ConfigRefusal::Invalid(_)) => Outcome::Invalid,
        Err(ConfigRefusal::NotKept(version)) => panic!("version {version} is kept"),
    }
}

fn steps() -> impl Strategy<Value = Vec<(Step, Option<u64>)>> {
    let step = prop_oneof![
        4 => (0_u8..3, proptest::option::weighted(0.4, any::<bool>())).prop_map(|(v, s)| Step::Set(v, s)),
        2 => (0_u64..9).prop_map(Step::Rollback),
        1 => Just(Step::Delete),
    ];
    proptest::collection::vec((step, proptest::option::weighted(0.3, 0_u64..9)), 1..14)
}

fn change_of(step: &Step, expected: Option<u64>) -> ConfigChange {
    let wish = match step {
        Step::Set(value, sensitive) => ConfigWish::Set {
            value: Some(Value::from(i64::from(*value))),
            schema: None,
            sensitive: *sensitive,
        },
        Step::Rollback(version) => ConfigWish::Rollback(*version),
        Step::Delete => ConfigWish::Delete,
    };
    ConfigChange { when: expected.map_or(When::Always, When::Rev), ..change("a.b", wish) }
}

async fn follow(steps: Vec<(Step, Option<u64>)>) {
    let (world, mut model) = (World::new(), Model::default());
    let mut events = 0;
    for (step, expected) in steps {
        let made = world.make(change_of(&step, expected)).await;
        let wanted = model.step(&step, expected);
        assert_eq!(outcome(&made), wanted, "{step:?} {expected:?}");
        events += usize::from(wanted == Outcome::Made);
        let history = world.history("a.b").await;
        assert_eq!(history.len(), model.versions.len());
        for (version, (value, hidden)) in history.iter().zip(&model.versions) {
            assert_eq!(matches!(version.held, Held::Sealed { .. }), *hidden, "{step:?}");
            let found = world.value("a.b", version).await;
            assert_eq!(found, value.map(|value| Value::from(i64::from(value))));
        }
    }
    assert_eq!(world.events().await.len(), events);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_sequence_of_changes_ends_as_the_model_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(steps));
    }
}
